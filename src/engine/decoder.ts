import { join } from 'node:path';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { AnchorageError, messageOf } from '../protocol/errors.ts';
import type { Variant } from '../protocol/packageManifest.ts';
import type { AnchorCache } from './anchorCache.ts';
import type { AttentionBias } from './anchorMask.ts';
import { checkGraph, inputName } from './graphSignature.ts';
import { groupTokens } from './groupTokens.ts';
import { graphPath, verifyGraph, type ModelPackage } from './modelPackage.ts';
import { oldRows } from './runCut.ts';
import { loadOnnxRuntime, physicalCores, type OnnxRuntime } from './onnxRuntime.ts';
import type { PlacedToken } from './placedToken.ts';

export interface DecoderOptions {
  /** `auto`: the first that the package has of int8 (as good as fp32, and the fastest reader), int4, fp32. */
  readonly variant: Variant | 'auto';
  /** 0: as many as physical cores. */
  readonly threads: number;
}

/** One run of the graph: S new tokens over the rows of a cache. */
export interface Run {
  readonly cache: AnchorCache;
  readonly tokens: readonly PlacedToken[];
  readonly bias: AttentionBias;
  /** Indices of the tokens whose logits are wanted. */
  readonly logits: readonly number[];
  readonly wantScores: boolean;
}

export interface RunResult {
  /** [asked, vocabulary] */
  readonly logits: Float32Array;
  /** [2 * layers, S, kv_heads * head_dim], for `AnchorCache.append`. */
  readonly keyValues: Float32Array;
  /** [layers, heads, P + S]: per key the largest attention probability over the S queries; empty unless wanted. */
  readonly scores: Float32Array;
}

/** Owns the onnxruntime session of a package's "split" graph, which is the CPU's. Runs are synchronous inside and cannot be stopped. */
export class Decoder {
  readonly package: ModelPackage;
  readonly variant: Variant;
  readonly threads: number;
  /** Tokens that one run reads at most. A constant, since int8 logits depend on how a text is cut into runs. */
  readonly groupTokens: number;
  readonly #ort: OnnxRuntime;
  readonly #session: InferenceSession;

  private constructor(
    pkg: ModelPackage,
    variant: Variant,
    threads: number,
    ort: OnnxRuntime,
    session: InferenceSession,
  ) {
    this.package = pkg;
    this.variant = variant;
    this.threads = threads;
    this.groupTokens = groupTokens(pkg.config, variant);
    this.#ort = ort;
    this.#session = session;
  }

  /**
   * Loads the weights, and hashes them meanwhile.
   *
   * @throws AnchorageError `unsupported` without such a variant, `fileAltered` when the files are not the manifest's,
   *   `fileInvalid` when the graph is not one of ours.
   */
  static async create(pkg: ModelPackage, options: DecoderOptions): Promise<Decoder> {
    const order: readonly Variant[] = options.variant === 'auto' ? ['int8', 'int4', 'fp32'] : [options.variant];
    const variant = order.find((each) => pkg.variants.includes(each));
    if (variant === undefined) {
      throw new AnchorageError(
        'unsupported',
        `The package ${pkg.name} has no ${options.variant} variant, only ${pkg.variants.join(', ')}.`,
        'Choose another variant, or convert the model again with this one.',
      );
    }
    const threads = options.threads === 0 ? physicalCores() : options.threads;
    const ort = await loadOnnxRuntime();
    const [verified, created] = await Promise.allSettled([
      verifyGraph(pkg, variant),
      createSession(ort, join(pkg.folder, graphPath(variant)), threads),
    ]);
    // An altered file explains why it could not be loaded, and not the other way round.
    if (verified.status === 'rejected') {
      if (created.status === 'fulfilled') await created.value.release();
      throw verified.reason;
    }
    if (created.status === 'rejected') throw created.reason;
    const session = created.value;
    try {
      checkGraph(graphPath(variant), session, pkg);
    } catch (error) {
      await session.release();
      throw error;
    }
    return new Decoder(pkg, variant, threads, ort, session);
  }

  async run({ cache, tokens, bias, logits, wantScores }: Run): Promise<RunResult> {
    const { Tensor } = this.#ort;
    const int64 = (values: readonly number[], dims: readonly number[]): Tensor =>
      new Tensor('int64', BigInt64Array.from(values, BigInt), dims);
    const feeds: Record<string, Tensor> = {
      input_ids: int64(
        tokens.map((token) => token.id),
        [1, tokens.length],
      ),
      position_ids: int64(
        tokens.map((token) => token.position),
        [1, tokens.length],
      ),
      attention_bias: new Tensor('float32', bias.data, bias.dims),
      logit_indices: int64(logits, [logits.length]),
      want_scores: new Tensor('bool', [wantScores], [1]),
    };
    if (this.package.anchors.scheme === 'mark') {
      const marks = Float32Array.from(tokens, (token) => (token.anchor ? 1 : 0));
      feeds['anchor_mark'] = new Tensor('float32', marks, [1, tokens.length]);
    }
    const rows = Math.max(1, cache.rows);
    const old = oldRows(cache.rows, tokens.length);
    const dims = (count: number): number[] => [count, cache.kvHeads, cache.headDim];
    for (let layer = 0; layer < cache.layers; layer++) {
      const values = cache.values(layer);
      const cut = old * cache.width;
      feeds[inputName.pastKey(layer)] = new Tensor('float32', cache.keys(layer), dims(rows));
      feeds[inputName.pastValue(layer)] = new Tensor('float32', values.subarray(0, cut), dims(old));
      feeds[inputName.recentValue(layer)] = new Tensor('float32', values.subarray(cut), dims(rows - old));
    }
    const results = await this.#run(feeds);
    return {
      logits: floats(results, 'logits'),
      keyValues: floats(results, 'new_key_values'),
      scores: wantScores ? floats(results, 'attention_scores') : new Float32Array(0),
    };
  }

  /** Frees the weights. */
  async dispose(): Promise<void> {
    await this.#session.release();
  }

  async #run(feeds: Record<string, Tensor>): Promise<InferenceSession.OnnxValueMapType> {
    try {
      return await this.#session.run(feeds);
    } catch (error) {
      const text = messageOf(error);
      const isMemory = /alloc|memory/i.test(text);
      throw new AnchorageError(
        isMemory ? 'outOfMemory' : 'internal',
        `The model ${this.package.name} (${this.variant}) failed: ${text}`,
        isMemory ? 'Close other programs or choose a smaller model.' : 'Run Diagnose and report what it says.',
        { cause: error },
      );
    }
  }
}

async function createSession(ort: OnnxRuntime, path: string, threads: number): Promise<InferenceSession> {
  try {
    return await ort.InferenceSession.create(path, {
      executionProviders: ['cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      // Every run has another shape, so a pattern or an arena would only hold memory; and Electron's allocator aborts
      // the process on the large blocks that an arena asks for.
      enableMemPattern: false,
      enableCpuMemArena: process.versions['electron'] === undefined,
      logSeverityLevel: 3,
      // Threads that spin while they wait halve the speed of a machine that is busy with anything else.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    });
  } catch (error) {
    throw new AnchorageError(
      'fileInvalid',
      `${path} cannot be loaded: ${messageOf(error)}`,
      'Build or download the package again.',
      { cause: error },
    );
  }
}

function floats(results: InferenceSession.OnnxValueMapType, name: string): Float32Array {
  const value = results[name];
  if (value !== undefined && 'data' in value && value.data instanceof Float32Array) return value.data;
  throw new AnchorageError('internal', `The graph gave no float output ${name}.`);
}
