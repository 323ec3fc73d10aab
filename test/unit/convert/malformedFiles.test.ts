import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GgufSource } from '../../../src/convert/ggufSource.ts';
import { checkTensors } from '../../../src/convert/expectedTensors.ts';
import { SafetensorsFile } from '../../../src/convert/safetensorsFile.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { ggufBytes, tinyGguf, tinyMetadata } from './ggufWriter.ts';
import { temporaryFolder } from './temporaryFolder.ts';
import { randomNumbers, safetensorsBytes, tinyDecoder } from './tinyDecoder.ts';

const decoder = tinyDecoder({ hidden_size: 32, num_hidden_layers: 1, head_dim: 8, intermediate_size: 32 });

function dieFrom(seed: number): (sides: number) => number {
  const random = randomNumbers(seed);
  return (sides) => Math.floor(Math.abs(random() * 7919)) % sides;
}

/** A damaged copy: some bytes changed among the first `headerBytes`, and sometimes cut off. */
function damage(bytes: Buffer, headerBytes: number, die: (sides: number) => number): Buffer {
  const copy = Buffer.from(bytes);
  const changes = 1 + die(4);
  for (let i = 0; i < changes; i++) copy[die(headerBytes)] = die(3) === 0 ? 0xff : die(256);
  return die(4) === 0 ? copy.subarray(0, die(copy.length)) : copy;
}

/** Runs `read`; anything but success or an error of ours fails, as does taking long or much memory. */
function readsOrRefuses(read: () => void): 'read' | 'refused' {
  const before = process.memoryUsage().rss;
  const started = performance.now();
  let outcome: 'read' | 'refused' = 'read';
  try {
    read();
  } catch (error) {
    assert.ok(AnchorageError.is(error), `not an error of ours: ${String(error)}`);
    assert.ok(['fileInvalid', 'unsupported'].includes(error.reason), error.reason);
    outcome = 'refused';
  }
  assert.ok(performance.now() - started < 2000, 'took too long');
  assert.ok(process.memoryUsage().rss - before < 300e6, 'took too much memory');
  return outcome;
}

describe('malformed GGUF files', function () {
  this.timeout(30_000);
  const folder = temporaryFolder();
  const path = () => join(folder(), 'damaged.gguf');

  function readAll(): void {
    const source = new GgufSource(path());
    try {
      checkTensors(source.path, source.config, source.shapes);
      source.tokenizerFiles();
      for (const name of source.shapes.keys()) source.read(name);
    } finally {
      source.close();
    }
  }

  it('are refused with an error of ours, whatever bytes of the header are changed or missing', () => {
    const bytes = tinyGguf(decoder);
    const die = dieFrom(1);
    let refused = 0;
    for (let i = 0; i < 600; i++) {
      // Half of the damage goes to the counts, keys and sizes of the first kilobyte.
      writeFileSync(path(), damage(bytes, i % 2 === 0 ? 1024 : 14_000, die));
      if (readsOrRefuses(readAll) === 'refused') refused++;
    }
    assert.ok(refused > 200, `only ${refused} of 600 were refused`);
  });

  it('are refused at every length that they may be cut to', () => {
    const bytes = tinyGguf(decoder);
    for (let length = 0; length < bytes.length; length += 1 + (length >> 5)) {
      writeFileSync(path(), bytes.subarray(0, length));
      assert.equal(readsOrRefuses(readAll), 'refused');
    }
  });

  const cases: [string, () => Buffer, RegExp][] = [
    ['another magic number', () => Buffer.from('GGML and then some'), /not a GGUF file/],
    [
      'a big-endian or future version',
      () => patched(4, (view) => view.setUint32(4, 4, true)),
      /version 4 is not known/,
    ],
    [
      'a monstrous number of tensors',
      () => patched(8, (view) => view.setBigUint64(8, 2n ** 60n, true)),
      /number of tensors/,
    ],
    [
      'a monstrous number of entries',
      () => patched(16, (view) => view.setUint32(16, 2 ** 31, true)),
      /number of metadata entries/,
    ],
    [
      'a key longer than the file',
      () => patched(24, (view) => view.setBigUint64(24, 2n ** 40n, true)),
      /key of metadata entry 0/,
    ],
    ['an unknown architecture', () => ggufBytes({ 'general.architecture': 'mamba' }, []), /"mamba"/],
    ['no architecture', () => ggufBytes({}, []), /general.architecture is missing/],
    [
      'an architecture that is a number',
      () => ggufBytes({ 'general.architecture': 3 }, []),
      /general.architecture is not a text/,
    ],
    ['experts', () => tinyWith({ 'llama.expert_count': 8 }), /mixture of experts/],
    ['factors of more frequencies than a head has', () => ggufBytes(tinyMetadata(decoder), [factors()]), /rope_freqs/],
    ['scaled positions of an unknown kind', () => tinyWith({ 'llama.rope.scaling.type': 'yarn' }), /"yarn"/],
    [
      'heads that no division fits',
      () => tinyWith({ 'llama.attention.head_count': 3 }),
      /head_dim|num_key_value_heads|rotates/,
    ],
  ];
  for (const [name, bytes, message] of cases) {
    it(`are refused with ${name}`, () => {
      writeFileSync(path(), bytes());
      assert.throws(readAll, (error) => AnchorageError.is(error) && message.test(error.message));
    });
  }

  it('name the known architectures when theirs is unknown', () => {
    writeFileSync(path(), ggufBytes({ 'general.architecture': 'mamba' }, []));
    assert.throws(
      readAll,
      (error) => AnchorageError.is(error, 'unsupported') && /llama, mistral, qwen2, qwen3/.test(error.remedy),
    );
  });

  /** So many that they are too many arguments of a call. */
  function factors(): { name: string; shape: number[]; values: Float32Array } {
    return { name: 'rope_freqs.weight', shape: [300_000], values: new Float32Array(300_000).fill(1) };
  }

  function tinyWith(changes: Record<string, number | string>): Buffer {
    return ggufBytes({ ...tinyMetadata(decoder), ...changes }, []);
  }

  function patched(length: number, change: (view: DataView) => void): Buffer {
    const bytes = tinyGguf(decoder);
    assert.ok(bytes.length > length);
    change(new DataView(bytes.buffer, bytes.byteOffset));
    return bytes;
  }
});

describe('malformed safetensors files', function () {
  this.timeout(30_000);
  const folder = temporaryFolder();
  const path = () => join(folder(), 'damaged.safetensors');
  const bytes = safetensorsBytes(
    new Map([
      ['a', Float32Array.of(1, 2, 3, 4)],
      ['b', Float32Array.of(5)],
    ]),
    new Map([['a', [2, 2]]]),
  );

  function readAll(): void {
    const file = SafetensorsFile.open(path());
    try {
      for (const name of file.names) file.read(name);
    } finally {
      file.close();
    }
  }

  it('are refused with an error of ours, whatever bytes are changed or missing', () => {
    const die = dieFrom(2);
    let refused = 0;
    for (let i = 0; i < 1000; i++) {
      writeFileSync(path(), damage(bytes, bytes.length - 20, die));
      if (readsOrRefuses(readAll) === 'refused') refused++;
    }
    assert.ok(refused > 500, `only ${refused} of 1000 were refused`);
  });

  function withHeader(header: unknown, declared?: bigint): Buffer {
    const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(declared ?? BigInt(text.length));
    return Buffer.concat([length, text, Buffer.alloc(16)]);
  }

  const cases: [string, Buffer, RegExp][] = [
    ['a header longer than the file', withHeader({}, 2n ** 62n), /header cannot be/],
    ['a header that is not JSON', withHeader('{"a":'), /not JSON/],
    ['a header that is a list', withHeader([1]), /not an object/],
    ['a type that is not known', withHeader({ a: { dtype: 'I64', shape: [2], data_offsets: [0, 16] } }), /type I64/],
    [
      'a shape that its bytes do not fill',
      withHeader({ a: { dtype: 'F32', shape: [9], data_offsets: [0, 16] } }),
      /its shape needs 36/,
    ],
    ['a tensor past the end', withHeader({ a: { dtype: 'F32', shape: [4], data_offsets: [16, 32] } }), /past the end/],
    [
      'a monstrous shape',
      withHeader({ a: { dtype: 'F32', shape: [1e15, 1e15], data_offsets: [0, 16] } }),
      /its shape needs/,
    ],
  ];
  for (const [name, content, message] of cases) {
    it(`are refused with ${name}`, () => {
      writeFileSync(path(), content);
      assert.throws(readAll, (error) => AnchorageError.is(error, 'fileInvalid') && message.test(error.message));
    });
  }
});
