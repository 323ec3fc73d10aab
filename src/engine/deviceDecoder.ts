import { join } from 'node:path';
import type { Tensor } from 'onnxruntime-node';
import { AnchorageError } from '../protocol/errors.ts';
import type { Variant } from '../protocol/packageManifest.ts';
import type { AttentionBias } from './anchorMask.ts';
import type { Run, RunResult } from './decoder.ts';
import { DeviceArenas } from './deviceArenas.ts';
import type { DeviceMemory } from './deviceMemory.ts';
import { DeviceRows, numbered } from './deviceRows.ts';
import { placeOf } from './fallbackStorage.ts';
import { DeviceSession, numbersOf } from './deviceSession.ts';
import type { DeviceProvider } from './executionProvider.ts';
import { checkDeviceGraph } from './graphSignature.ts';
import { gqaGraphPath, type ModelPackage } from './modelPackage.ts';
import type { OnnxRuntime } from './onnxRuntime.ts';

/** Runs the "gqa" graph of a package: keys and values stay on the device, in the buffers of `DeviceArenas`. */
export class DeviceDecoder {
  readonly #package: ModelPackage;
  readonly #ort: OnnxRuntime;
  readonly #graph: DeviceSession;
  readonly #rows: DeviceRows;

  private constructor(pkg: ModelPackage, ort: OnnxRuntime, graph: DeviceSession, rows: DeviceRows) {
    this.#package = pkg;
    this.#ort = ort;
    this.#graph = graph;
    this.#rows = rows;
  }

  /** @throws AnchorageError `deviceFailed` where the provider cannot run it; `fileInvalid` when the graph is not one of ours. */
  static async open(
    ort: OnnxRuntime,
    pkg: ModelPackage,
    variant: Variant,
    provider: DeviceProvider,
    memory: DeviceMemory,
  ): Promise<DeviceDecoder> {
    const path = gqaGraphPath(variant);
    const graph = await DeviceSession.open(ort, join(pkg.folder, path), provider, memory);
    let rows: DeviceRows | null = null;
    try {
      checkDeviceGraph(path, graph.session, pkg);
      rows = await DeviceRows.open(ort, pkg, provider, memory);
      await checkBuffers(rows);
      return new DeviceDecoder(pkg, ort, graph, rows);
    } catch (error) {
      await rows?.release();
      await graph.release();
      throw error;
    }
  }

  createStorage(): DeviceArenas {
    return new DeviceArenas(this.#rows);
  }

  async run({ cache, tokens, bias, logits, wantScores }: Run): Promise<RunResult> {
    const storage = placeOf(cache.storage);
    if (!(storage instanceof DeviceArenas)) throw new AnchorageError('internal', 'The device has no such rows.');
    const { config, anchors } = this.#package;
    const { Tensor } = this.#ort;
    const int64 = (values: readonly number[], dims: readonly number[]): Tensor =>
      new Tensor('int64', BigInt64Array.from(values, BigInt), dims);
    const count = tokens.length;
    const total = cache.rows + count;
    const attentionBias = new Tensor('float32', wholeBias(bias, cache.rows, count), [1, 1, count, total]);
    const [keys, values] = [0, 1].map((part) => storage.buffers.filter((_, block) => block % 2 === part));
    const marks = Float32Array.from(tokens, (token) => (token.anchor ? 1 : 0));
    const results = await this.#graph.run(
      {
        input_ids: int64(
          tokens.map(({ id }) => id),
          [1, count],
        ),
        position_ids: int64(
          tokens.map(({ position }) => position),
          [1, count],
        ),
        attention_bias: attentionBias,
        ...(anchors.scheme === 'mark' ? { anchor_mark: new Tensor('float32', marks, [1, count]) } : {}),
        // Devices do not multiply by nothing: where no logits are asked for, those of the first token are thrown away.
        logit_indices: int64(logits.length > 0 ? logits : [0], [Math.max(1, logits.length)]),
        last_row: new Tensor('int32', Int32Array.of(total - 1), [1]),
        total_rows: new Tensor('int32', Int32Array.of(total), [1]),
        ...numbered('past_key', keys ?? []),
        ...numbered('past_value', values ?? []),
      },
      {
        logits: null,
        ...numbered('present_key', keys ?? []),
        ...numbered('present_value', values ?? []),
        ...(wantScores ? Object.fromEntries((keys ?? []).map((_, layer) => [`query.${layer}`, null])) : {}),
      },
    );
    const asked = numbersOf(results, 'logits').subarray(0, logits.length * config.vocab_size);
    if (!wantScores) return { logits: asked, keyValues: null, scores: new Float32Array(0) };
    const queries = (keys ?? []).map((_, layer) => {
      const query = numbersOf(results, `query.${layer}`);
      return new Tensor('float32', query, [1, count, query.length / count]);
    });
    const scores = await this.#rows.scores(storage.buffers, queries, attentionBias, total);
    return { logits: asked, keyValues: null, scores };
  }

  /** Frees the weights, and the rows of every cache. */
  async dispose(): Promise<void> {
    this.#rows.memory.freeAll();
    await this.#rows.release();
    await this.#graph.release();
  }
}

/** The bias of all keys, [count, rows + count]: without the masked row that stands for an empty past on the CPU. */
function wholeBias({ data, dims }: AttentionBias, rows: number, count: number): Float32Array {
  const width = rows + count;
  if (dims[0] === count && dims[1] === width) return data;
  const bias = new Float32Array(count * width);
  if (dims[1] !== width + 1) return bias;
  for (let i = 0; i < count; i++) bias.set(data.subarray(i * dims[1] + 1, (i + 1) * dims[1]), i * width);
  return bias;
}

/**
 * Checks that this provider writes into buffers in place, as everything here rests on: rows that are written, moved and
 * read come back right.
 *
 * @throws AnchorageError `unsupported`
 */
async function checkBuffers(rows: DeviceRows): Promise<void> {
  const arenas = new DeviceArenas(rows);
  try {
    await arenas.resize(3, 0);
    await arenas.write(1, 2, (block, into) => into.forEach((_, i) => (into[i] = block + i / into.length)));
    const written = await arenas.read(1, 2);
    await arenas.keep(0, Int32Array.of(2), Int32Array.of(0));
    const kept = await arenas.read(0, 1);
    const width = rows.size(1);
    const isRight = kept.every((value, i) => {
      const block = Math.floor(i / width);
      const expected = block + ((i % width) + width) / (2 * width);
      return Math.abs(value - expected) < 1e-4 && value === written[block * 2 * width + width + (i % width)];
    });
    if (!isRight) throw new AnchorageError('unsupported', 'The device does not write into buffers in place.');
  } finally {
    arenas.release();
  }
}
