import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { convertModel } from '../../../src/convert/convertModel.ts';
import { SafetensorsSource } from '../../../src/convert/safetensorsSource.ts';
import type { TrainedScheme } from '../../../src/convert/trainedAnchors.ts';
import { AnchorContext } from '../../../src/engine/anchorContext.ts';
import { Decoder } from '../../../src/engine/decoder.ts';
import { loadPackage, type ModelPackage } from '../../../src/engine/modelPackage.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { assertClose, sequence } from '../engine/contextFixtures.ts';
import { referenceLogits } from '../engine/referenceDecoder.ts';
import { anchorId, fullStopId, writeAnllmFolder } from './anllmFolder.ts';

const sizes = { hidden_size: 64, intermediate_size: 96, num_attention_heads: 4, num_hidden_layers: 2 };
const sentences = ['the river rises', 'in the hills, é 漢', 'the end'];

describe('a checkpoint in the layout of the published ones of AnLLM', function () {
  this.timeout(60_000);
  let folder: string;
  const packages = new Map<TrainedScheme, ModelPackage>();

  function convert(scheme: TrainedScheme, source: string, adapterFolder: string | null = null) {
    const outputFolder = join(folder, `package-${scheme}`);
    return convertModel({
      source,
      adapterFolder,
      trainedScheme: scheme,
      outputFolder,
      variants: ['fp32'],
      name: scheme,
    });
  }

  function packageOf(scheme: TrainedScheme): ModelPackage {
    const found = packages.get(scheme);
    assert.ok(found);
    return found;
  }

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'anllm-'));
    for (const scheme of ['AC', 'EP'] as const) {
      writeAnllmFolder(join(folder, scheme), scheme, sizes);
      await convert(scheme, join(folder, scheme));
      packages.set(scheme, await loadPackage(join(folder, `package-${scheme}`)));
    }
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  it('declares the rules that it was trained with', () => {
    for (const [scheme, id] of [
      ['AC', anchorId],
      ['EP', fullStopId],
    ] as const) {
      const { anchors } = packageOf(scheme);
      assert.deepEqual(anchors.anchor_token_ids, [id]);
      assert.equal(anchors.positions, 'absolute');
      assert.equal(anchors.anchors_see_anchors, false);
      assert.equal(anchors.ratio, anchors.max_sequence_tokens);
      assert.equal(anchors.adapter, null);
    }
  });

  it('keeps its tokenizer: bytes where a piece is missing, and <AC> only where the engine writes it', () => {
    const { tokenizer } = packageOf('AC');
    const vocabulary = (pieces: readonly string[]) => pieces.map((piece) => tokenizer.encodeText(piece).at(-1));
    assert.deepEqual(tokenizer.encodeText('river.').slice(1), [...vocabulary(['river']), fullStopId]);
    const byte = (value: number): number => 3 + value;
    assert.deepEqual(tokenizer.encodeText('é漢').slice(1), [0xc3, 0xa9, 0xe6, 0xbc, 0xa2].map(byte));
    for (const text of [...sentences, 'a.b <AC> [PAD] \n\t 🦊']) {
      const ids = tokenizer.encodeText(text);
      assert.ok(!ids.includes(anchorId), text);
      assert.equal(tokenizer.decode(ids), text);
    }
    assert.deepEqual(tokenizer.encodePrompt('the<AC>').slice(-1), [anchorId]);
    assert.equal(tokenizer.decode([...tokenizer.encodeText('the'), anchorId]), 'the');
  });

  for (const scheme of ['AC', 'EP'] as const) {
    it(`${scheme}: reduced at once (Algorithm 1) and sealed by sequence, gives the logits of one masked forward`, async () => {
      const pkg = packageOf(scheme);
      const end = scheme === 'AC' ? anchorId : fullStopId;
      const texts = sentences.map((sentence) => pkg.tokenizer.encodeText(sentence));
      const live = pkg.tokenizer.encodeText('what then');
      const closed = texts.map((ids) => sequence([...ids, end], [ids.length]));
      const expected = reference(scheme, pkg, [sequence([]), ...closed, sequence(live)]);
      const decoder = await Decoder.create(pkg, { variant: 'fp32', threads: 1 });
      try {
        for (const size of [100, 3]) {
          const online = new AnchorContext(decoder, { pinned: [], reduction: 'online' });
          online.groupSize = () => size;
          assertClose(await online.read([...closed.flatMap(({ ids }) => ids), ...live], { logits: 'all' }), expected);
          assert.equal(online.rows, texts.length + live.length);
          const sealed = new AnchorContext(decoder, { pinned: [] });
          sealed.groupSize = () => size;
          for (const ids of texts) await sealed.seal(scheme === 'AC' ? ids : [...ids, end]);
          assertClose(await sealed.read(live, { logits: 'all' }), expected.slice(-live.length));
          assert.equal(sealed.rows, texts.length + live.length);
        }
      } finally {
        await decoder.dispose();
      }
    });
  }

  it('says how to rewrite what is published: a pickle, and a SentencePiece model', async () => {
    const source = join(folder, 'published');
    writeAnllmFolder(source, 'AC', sizes, 1);
    renameSync(join(source, 'tokenizer.json'), join(source, 'tokenizer.model'));
    await assert.rejects(
      convert('AC', source),
      (error) =>
        AnchorageError.is(error, 'unsupported') &&
        /tokenizer\.model/.test(error.message) &&
        /python3 -c/.test(error.remedy),
    );
    rmSync(join(source, 'model.safetensors'));
    writeFileSync(join(source, 'pytorch_model.bin'), 'PK');
    await assert.rejects(
      convert('AC', source),
      (error) =>
        AnchorageError.is(error, 'unsupported') &&
        /pytorch_model\.bin/.test(error.message) &&
        error.remedy.includes(source),
    );
  });

  it('refuses a scheme that the tokenizer knows no anchor for, or that an adapter stands against', async () => {
    await assert.rejects(
      convert('AC', join(folder, 'EP')),
      (error) => AnchorageError.is(error, 'unsupported') && /no token <AC>/.test(error.message),
    );
    await assert.rejects(convert('AC', join(folder, 'AC'), folder), (error) =>
      AnchorageError.is(error, 'invalidInput'),
    );
  });

  function reference(scheme: TrainedScheme, pkg: ModelPackage, sequences: Parameters<typeof referenceLogits>[1]) {
    const source = new SafetensorsSource(join(folder, scheme));
    try {
      const base = new Map(
        [...source.shapes].map(([name, shape]) => [name, { shape, data: source.read(name) }] as const),
      );
      const loras = { all: new Map(), anchors: new Map() };
      const none = { loras, anchorEmbedding: null, scorer: new Map() };
      const model = { config: pkg.config, base, ...none, anchors: pkg.anchors };
      return referenceLogits(model, sequences);
    } finally {
      source.close();
    }
  }
});
