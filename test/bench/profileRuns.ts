import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { ExternalData } from '../../src/convert/externalData.ts';
import { GraphBuilder } from '../../src/convert/graphBuilder.ts';
import { encodeModel } from '../../src/convert/onnxModel.ts';
import { cpuSessionOptions } from '../../src/engine/cpuSession.ts';
import { inputName, pastPrecision } from '../../src/engine/graphSignature.ts';
import { kvNumbers } from '../../src/engine/kvNumbers.ts';
import { graphPath, type ModelPackage } from '../../src/engine/modelPackage.ts';
import type { OnnxRuntime } from '../../src/engine/onnxRuntime.ts';
import { oldRows } from '../../src/engine/runCut.ts';
import { halfTensor } from '../../src/protocol/halfTensor.ts';
import type { Variant } from '../../src/protocol/packageManifest.ts';
import { median } from './report.ts';

/** What is run: `tokens` new ones over `past` rows. */
export interface Shape {
  readonly past: number;
  readonly tokens: number;
}

/** A package's "split" graph as the engine opens it; with `trace`, onnxruntime writes its times to files of that prefix. */
export class ProfiledGraph {
  readonly #ort: OnnxRuntime;
  readonly #session: InferenceSession;
  readonly #package: ModelPackage;

  private constructor(ort: OnnxRuntime, session: InferenceSession, pkg: ModelPackage) {
    this.#ort = ort;
    this.#session = session;
    this.#package = pkg;
  }

  static async open(
    ort: OnnxRuntime,
    pkg: ModelPackage,
    variant: Variant,
    threads: number,
    trace: string | null,
  ): Promise<ProfiledGraph> {
    const tracing = trace === null ? {} : { enableProfiling: true, profileFilePrefix: trace };
    const options = { ...cpuSessionOptions(threads), ...tracing };
    const session = await ort.InferenceSession.create(join(pkg.folder, graphPath(variant)), options);
    return new ProfiledGraph(ort, session, pkg);
  }

  /** Bytes of one number of a cached row. */
  get bytesPerNumber(): number {
    return kvNumbers(pastPrecision(this.#session), 1).byteLength;
  }

  /** Milliseconds of each of `count` runs, and the CPU's milliseconds of all of them; one more warms up before. */
  async time(shape: Shape, count: number): Promise<{ readonly runs: readonly number[]; readonly cpuMs: number }> {
    const feeds = this.#feeds(shape);
    await this.#session.run(feeds);
    const runs: number[] = [];
    const before = process.cpuUsage();
    for (let i = 0; i < count; i++) {
      const began = performance.now();
      await this.#session.run(feeds);
      runs.push(performance.now() - began);
    }
    const { user, system } = process.cpuUsage(before);
    return { runs, cpuMs: (user + system) / 1000 };
  }

  /** Writes the trace, if there is one, and frees the weights. */
  async close(): Promise<void> {
    this.#session.endProfiling();
    await this.#session.release();
  }

  /** Tokens, positions and rows that are as good as any: no operator's time depends on the numbers. */
  #feeds({ past, tokens }: Shape): Record<string, Tensor> {
    const { Tensor } = this.#ort;
    const { config, anchors } = this.#package;
    const ids = Array.from({ length: tokens }, (_, i) => i % config.vocab_size);
    const int64 = (values: readonly number[], dims: readonly number[]): Tensor =>
      new Tensor('int64', BigInt64Array.from(values, BigInt), dims);
    const positions = ids.map((_, i) => Math.min(past + i, config.max_position_embeddings - 1));
    const bias = tokens === 1 ? [1, 1] : [tokens, past + tokens];
    const feeds: Record<string, Tensor> = {
      input_ids: int64(ids, [1, tokens]),
      position_ids: int64(positions, [1, tokens]),
      attention_bias: new Tensor('float32', new Float32Array((bias[0] ?? 0) * (bias[1] ?? 0)), bias),
      logit_indices: int64([tokens - 1], [1]),
      want_scores: new Tensor('bool', [false], [1]),
    };
    if (anchors.scheme === 'mark') feeds['anchor_mark'] = new Tensor('float32', new Float32Array(tokens), [1, tokens]);
    for (let layer = 0; layer < config.num_hidden_layers; layer++) {
      feeds[inputName.pastKey(layer)] = this.#rows(past);
      feeds[inputName.pastValue(layer)] = this.#rows(oldRows(past, tokens));
      feeds[inputName.recentValue(layer)] = this.#rows(past - oldRows(past, tokens));
    }
    return feeds;
  }

  #rows(count: number): Tensor {
    const { num_key_value_heads: kvHeads, head_dim: width } = this.#package.config;
    const rows = kvNumbers(pastPrecision(this.#session), count * kvHeads * width);
    const dims = [count, kvHeads, width];
    return rows instanceof Uint16Array
      ? halfTensor(this.#ort, rows, dims)
      : new this.#ort.Tensor('float32', rows, dims);
  }
}

/** Bytes of weights that one decode step reads: the graph's external data, of which no part is left out. */
export async function weightBytes(pkg: ModelPackage, variant: Variant): Promise<number> {
  const { size } = await stat(join(pkg.folder, `${graphPath(variant)}_data`));
  return size;
}

const READ_ROWS = 64;
const READ_COLUMNS = 1 << 20;

/**
 * Bytes a second that onnxruntime reads memory at on so many threads: the largest numbers of a matrix of 268 MB, which
 * no processor's cache holds.
 */
export async function readBandwidth(ort: OnnxRuntime, folder: string, threads: number): Promise<number> {
  const data = new ExternalData(folder, 'bandwidth.onnx_data');
  const graph = new GraphBuilder('bandwidth', data);
  const x = graph.input('x', 'float', ['rows', 'columns']);
  graph.output('y', graph.op('ReduceMax', [x, graph.int64(1)], { keepdims: 0 }), 'float', ['rows']);
  const session = await ort.InferenceSession.create(encodeModel(graph.model('profile')), cpuSessionOptions(threads));
  data.close();
  const feeds = {
    x: new ort.Tensor('float32', new Float32Array(READ_ROWS * READ_COLUMNS).fill(1), [READ_ROWS, READ_COLUMNS]),
  };
  const times: number[] = [];
  for (let i = 0; i < 7; i++) {
    const began = performance.now();
    await session.run(feeds);
    times.push(performance.now() - began);
  }
  await session.release();
  return (READ_ROWS * READ_COLUMNS * 4) / (median(times.slice(1)) / 1000);
}
