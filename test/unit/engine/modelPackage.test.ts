import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { AnchorageError, type ErrorReason } from '../../../src/protocol/errors.ts';
import { packageFormatVersion } from '../../../src/protocol/packageManifest.ts';
import { loadPackage, verifyGraph, type ModelPackage } from '../../../src/engine/modelPackage.ts';
import { Random } from '../../../src/engine/random.ts';
import { chatTemplate, tinyModel, tinyTokenizer } from './tinyModel.ts';

type Json = Record<string, unknown>;

const model = tinyModel();
const contents: Readonly<Record<string, unknown>> = {
  'config.json': model.config,
  'anchor_config.json': model.anchors,
  'tokenizer.json': tinyTokenizer(),
  'tokenizer_config.json': { chat_template: chatTemplate, bos_token: '<|im_start|>' },
  'generation_config.json': { eos_token_id: [0, 2] },
  'onnx/model_fp32.onnx': 'not read before a decoder is made',
  'onnx/scorer.onnx': 'nor is this one',
};

describe('model package', () => {
  let folder: string;

  /** Writes a package whose manifest fits its files, after `change`. */
  async function write(change: Json = {}, manifestChange: Json = {}): Promise<void> {
    const files = Object.entries({ ...contents, ...change }).map(([path, value]) => {
      return { path, bytes: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)) };
    });
    for (const { path, bytes } of files) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), bytes);
    }
    const listed = files.map(({ path, bytes }) => {
      return { path, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
    });
    const manifest = {
      format_version: packageFormatVersion,
      name: 'tiny',
      created_by: 'test',
      variants: ['fp32'],
      files: listed,
    };
    await writeFile(join(folder, 'anchorage_package.json'), JSON.stringify({ ...manifest, ...manifestChange }));
  }

  async function assertRefused(reason: ErrorReason, ...words: readonly string[]): Promise<void> {
    await assert.rejects(loadPackage(folder, { graphs: 'hashes' }), (error: unknown) => {
      assert.ok(AnchorageError.is(error, reason), String(error));
      for (const word of words) assert.ok(error.message.includes(word), `"${error.message}" does not name ${word}`);
      return true;
    });
  }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'package-'));
    await write();
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('loads, with its tokenizer, layout and end tokens', async () => {
    const pkg = await loadPackage(folder, { graphs: 'hashes' });
    assert.equal(pkg.name, 'tiny');
    assert.equal(pkg.config.head_dim, 8);
    assert.deepEqual([...pkg.endIds].sort(), [0, 2]);
    assert.equal(pkg.layout.pinned()[0], 1);
    assert.match(pkg.fingerprint, /^[0-9a-f]{64}$/);
  });

  it('refuses the choice learned where there is no scorer', async () => {
    const files = (await loadPackage(folder)).files.filter(({ path }) => path !== 'onnx/scorer.onnx');
    await write({}, { files });
    await assertRefused('fileInvalid', 'anchor_config.json', 'learned', 'onnx/scorer.onnx');
  });

  it('says that there is none', async () => {
    await rm(folder, { recursive: true });
    await assertRefused('modelMissing', folder);
  });

  it('names a missing, a truncated and an altered file', async () => {
    await rm(join(folder, 'onnx/model_fp32.onnx'));
    await assertRefused('fileUnreadable', 'onnx/model_fp32.onnx');
    await write();
    await truncate(join(folder, 'onnx/model_fp32.onnx'), 5);
    await assertRefused('fileAltered', 'onnx/model_fp32.onnx', 'truncated', '5 bytes');
    await write();
    const text = await readFile(join(folder, 'onnx/model_fp32.onnx'), 'utf8');
    await writeFile(join(folder, 'onnx/model_fp32.onnx'), text.replace('not', 'NOT'));
    await assertRefused('fileAltered', 'onnx/model_fp32.onnx', 'SHA-256');
    const opened = await loadPackage(folder);
    await assert.rejects(verifyGraph(opened, 'fp32'), (error) => AnchorageError.is(error, 'fileAltered'));
    await write();
    await writeFile(join(folder, 'generation_config.json'), JSON.stringify({ eos_token_id: [0, 1] }));
    await assert.rejects(loadPackage(folder), (error) => {
      return AnchorageError.is(error, 'fileAltered') && error.message.includes('generation_config.json');
    });
  });

  it('names the version of a package it does not know', async () => {
    await write({}, { format_version: packageFormatVersion + 1, files: 'of another shape' });
    await assertRefused('versionMismatch', 'anchorage_package.json', `${packageFormatVersion + 1}`);
  });

  it('names the field of the manifest that is wrong', async () => {
    await write({}, { variants: ['fp64'] });
    await assertRefused('fileInvalid', 'anchorage_package.json', 'variants.0');
    await write({}, { variants: ['fp32', 'int8'] });
    await assertRefused('fileInvalid', 'onnx/model_int8.onnx');
    await writeFile(join(folder, 'anchorage_package.json'), `{"format_version":${packageFormatVersion}`);
    await assertRefused('fileInvalid', 'anchorage_package.json', 'JSON');
  });

  it('refuses paths and links that leave the folder', async () => {
    const outside = { path: '../outside.json', bytes: 1, sha256: '0'.repeat(64) };
    await write({}, { files: [outside] });
    await assertRefused('fileInvalid', 'files.0.path');
    await write();
    await rm(join(folder, 'config.json'));
    await symlink('/etc/hostname', join(folder, 'config.json'));
    await assertRefused('fileInvalid', 'config.json', 'leads out');
  });

  it('names the file and field of a wrong config', async () => {
    await write({ 'config.json': { ...model.config, head_dim: 7 } });
    await assertRefused('fileInvalid', 'config.json', 'head_dim');
    await write({ 'anchor_config.json': { ...model.anchors, ratio: 3 } });
    await assertRefused('fileInvalid', 'anchor_config.json', 'ratio');
    await write({ 'anchor_config.json': { ...model.anchors, scheme: 'AC', anchor_token_ids: [5] } });
    await assertRefused('fileInvalid', 'anchor_config.json', 'choices: learned is for the scheme mark');
    const added = { scheme: 'AC', anchor_token_ids: [5, 100_000], choice: 'stride', choices: ['stride'] };
    await write({ 'anchor_config.json': { ...model.anchors, ...added } });
    await assertRefused('fileInvalid', 'anchor_config.json', 'anchor_token_ids');
    await write({ 'config.json': { ...model.config, vocab_size: 100 } });
    await assertRefused('fileInvalid', 'tokenizer.json', 'vocab_size');
    await write({ 'tokenizer_config.json': { chat_template: '{% for %}' } });
    await assertRefused('fileInvalid', 'tokenizer_config.json', 'chat_template');
    await write({ 'tokenizer_config.json': { chat_template: 'the same for every chat' } });
    await assertRefused('unsupported', 'chat_template');
  });

  it('reads shorter sequences than a package declares where its window is too short to choose their anchors', async () => {
    const load = async (positions: number): Promise<ModelPackage> => {
      await write({ 'config.json': { ...model.config, max_position_embeddings: positions } });
      return loadPackage(folder);
    };
    const { layout, anchors } = await load(512);
    assert.equal(anchors.max_sequence_tokens, 24);
    const around = layout.pinned().length + layout.repeatRequest().length;
    assert.equal((await load(around + 21)).anchors.max_sequence_tokens, 10);
    await write({ 'config.json': { ...model.config, max_position_embeddings: around } });
    await assertRefused('unsupported', 'config.json', 'max_position_embeddings', `${around} tokens`);
  });

  it('never fails with another error than its own on altered JSON', async () => {
    const random = new Random(17);
    const names = [
      'config.json',
      'anchor_config.json',
      'tokenizer.json',
      'tokenizer_config.json',
      'generation_config.json',
    ];
    let refused = 0;
    for (let round = 0; round < 250; round++) {
      const name = names[random.integer(0, names.length - 1)] ?? '';
      await write({ [name]: mutated(contents[name], random) });
      try {
        await loadPackage(folder);
      } catch (error) {
        assert.ok(AnchorageError.is(error), `${name}, round ${round}: ${String(error)}`);
        assert.ok(error.message.includes('.json'), error.message);
        refused++;
      }
    }
    assert.ok(refused > 100, `only ${refused} of 250 altered packages were refused`);
  }).timeout(20_000);

  it('never fails with another error than its own on an altered manifest', async () => {
    const random = new Random(23);
    const path = join(folder, 'anchorage_package.json');
    const manifest: unknown = JSON.parse(await readFile(path, 'utf8'));
    for (let round = 0; round < 250; round++) {
      const text = JSON.stringify(mutated(manifest, random));
      await writeFile(path, random.next() < 0.2 ? text.slice(0, random.integer(0, text.length)) : text);
      await loadPackage(folder).catch((error: unknown) => assert.ok(AnchorageError.is(error), String(error)));
    }
  }).timeout(20_000);
});

/** A copy with one value somewhere inside replaced, removed or repeated. */
function mutated(value: unknown, random: Random): unknown {
  const replacements: readonly unknown[] = [
    null,
    -1,
    0,
    1e9,
    0.5,
    '',
    'x',
    '\ud800',
    [],
    {},
    [null],
    true,
    { type: 'x' },
  ];
  if (typeof value !== 'object' || value === null || random.next() < 0.15) {
    return replacements[random.integer(0, replacements.length - 1)];
  }
  const entries = Object.entries(value);
  const at = random.integer(0, entries.length - 1);
  const remove = random.next() < 0.25;
  const changed = entries.flatMap(([key, inner], i): [string, unknown][] => {
    if (i !== at) return [[key, inner]];
    return remove ? [] : [[key, mutated(inner, random)]];
  });
  return Array.isArray(value) ? changed.map(([, inner]) => inner) : Object.fromEntries(changed);
}
