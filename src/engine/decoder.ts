import { AnchorageError } from '../protocol/errors.ts';
import type { Variant } from '../protocol/packageManifest.ts';
import type { AnchorCache } from './anchorCache.ts';
import type { AttentionBias } from './anchorMask.ts';
import { AnchorScorer } from './anchorScorer.ts';
import { CpuDecoder } from './cpuDecoder.ts';
import { DeviceDecoder } from './deviceDecoder.ts';
import { DeviceMemory } from './deviceMemory.ts';
import type { ExecutionProvider } from '../protocol/executionProvider.ts';
import { FallbackStorage } from './fallbackStorage.ts';
import { suggestedGroupTokens } from './groupTokens.ts';
import type { KvNumbers } from './kvNumbers.ts';
import type { KvStorage } from './kvStorage.ts';
import { hasDeviceGraph, verifyGraph, type ModelPackage } from './modelPackage.ts';
import { loadOnnxRuntime, physicalCores, type OnnxRuntime } from './onnxRuntime.ts';
import type { PlacedToken } from './placedToken.ts';

export interface DecoderOptions {
  /** `auto`: the first that the package has of int8 (as good as fp32, and the fastest reader), int4, fp32. */
  readonly variant: Variant | 'auto';
  /** 0: as many as physical cores. */
  readonly threads: number;
  /** Tokens that one run reads at most, where that was measured; by default what the decoder's shape suggests. */
  readonly groupTokens?: number | undefined;
  /** By default the CPU. */
  readonly executionProvider?: ExecutionProvider | undefined;
  /** Bytes of keys and values that a device may hold: beyond them it fails as one that is full. */
  readonly deviceBytes?: number | undefined;
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
  /** [2 * layers, S, kv_heads * head_dim], for `AnchorCache.append`; null from a device, which has put them in their place. */
  readonly keyValues: KvNumbers | null;
  /** [layers, heads, P + S]: per key the largest attention probability over the S queries; empty unless wanted. */
  readonly scores: Float32Array;
}

/**
 * Runs a package's decoder: its "split" graph on the CPU, or its "gqa" graph on a device. Where the device fails, it goes on
 * on the CPU, with the rows that were on the device where they can still be read.
 */
export class Decoder {
  readonly package: ModelPackage;
  readonly variant: Variant;
  readonly threads: number;
  /** Tokens that one run reads at most. A constant, since int8 logits depend on how a text is cut into runs, by rounding. */
  readonly groupTokens: number;
  /** What its caches take on its device. */
  readonly deviceMemory: DeviceMemory;
  /** The package's learned scorer, where it has one. */
  readonly scorer: AnchorScorer | null;
  readonly #provider: ExecutionProvider;
  readonly #ort: OnnxRuntime;
  #device: DeviceDecoder | null;
  #cpu: CpuDecoder | null;
  #opening: Promise<CpuDecoder> | null = null;
  #deviceProblem: AnchorageError | null = null;

  private constructor(
    pkg: ModelPackage,
    ort: OnnxRuntime,
    graph: CpuDecoder | DeviceDecoder,
    deviceMemory: DeviceMemory,
    scorer: AnchorScorer | null,
    options: {
      readonly variant: Variant;
      readonly threads: number;
      readonly executionProvider: ExecutionProvider;
      readonly groupTokens: number;
    },
  ) {
    this.package = pkg;
    this.variant = options.variant;
    this.threads = options.threads;
    this.groupTokens = options.groupTokens;
    this.deviceMemory = deviceMemory;
    this.scorer = scorer;
    this.#provider = options.executionProvider;
    this.#ort = ort;
    this.#device = graph instanceof DeviceDecoder ? graph : null;
    this.#cpu = graph instanceof DeviceDecoder ? null : graph;
  }

  /**
   * Loads the weights, and hashes them meanwhile.
   *
   * @throws AnchorageError `unsupported` without such a variant, or a graph of it for the provider; `fileAltered` when the
   *   files are not the manifest's, `fileInvalid` when the graph is not one of ours, `deviceFailed` where the provider
   *   cannot run it.
   */
  static async create(pkg: ModelPackage, options: DecoderOptions): Promise<Decoder> {
    const { variant, threads } = resolvedOptions(pkg, options);
    const { executionProvider = 'cpu' } = options;
    const onDevice = executionProvider !== 'cpu';
    if (onDevice && !hasDeviceGraph(pkg, variant)) {
      throw new AnchorageError(
        'unsupported',
        `The package ${pkg.name} has no graph for a GPU (${variant}).`,
        'Convert the model again, or run it on the CPU.',
      );
    }
    const ort = await loadOnnxRuntime();
    const memory = new DeviceMemory(options.deviceBytes);
    const [verified, scorer, opened] = await Promise.allSettled([
      verifyGraph(pkg, variant, onDevice),
      AnchorScorer.open(ort, pkg),
      onDevice
        ? DeviceDecoder.open(ort, pkg, variant, executionProvider, memory)
        : CpuDecoder.open(ort, pkg, variant, threads),
    ]);
    // An altered file explains why it could not be loaded, and not the other way round.
    if (verified.status === 'rejected' || scorer.status === 'rejected' || opened.status === 'rejected') {
      for (const each of [scorer, opened]) if (each.status === 'fulfilled') await each.value?.dispose();
      throw [verified, opened, scorer].find((each) => each.status === 'rejected')?.reason;
    }
    const groups = options.groupTokens ?? suggestedGroupTokens(pkg.config, variant);
    return new Decoder(pkg, ort, opened.value, memory, scorer.value, {
      variant,
      threads,
      executionProvider,
      groupTokens: groups,
    });
  }

  /** What it runs on now. */
  get executionProvider(): ExecutionProvider {
    return this.#deviceProblem === null ? this.#provider : 'cpu';
  }

  /** What its device failed with, since when it runs on the CPU; null otherwise. */
  get deviceProblem(): AnchorageError | null {
    return this.#deviceProblem;
  }

  /** A place for rows that this decoder reads. */
  createStorage(): KvStorage {
    if (this.#cpu !== null) return this.#cpu.createStorage();
    return new FallbackStorage(this.#onDevice().createStorage(), async (problem) => {
      return (await this.#leaveDevice(problem)).createStorage();
    });
  }

  /**
   * Reads tokens behind the rows of a cache, which has room for them (`AnchorCache.reserve`).
   *
   * @throws AnchorageError `deviceFailed` where the cache's rows are lost with their device: they must be made again.
   */
  async run(run: Run): Promise<RunResult> {
    const { storage } = run.cache;
    try {
      if (this.#cpu === null) return await this.#onDevice().run(run);
    } catch (error) {
      if (!AnchorageError.is(error, 'deviceFailed')) throw error;
      await this.#leaveDevice(error);
    }
    if (this.#deviceProblem !== null && storage instanceof FallbackStorage) {
      await storage.leave(this.#deviceProblem);
      await this.#freeDevice();
    }
    return (this.#cpu ?? this.#onDevice()).run(run);
  }

  /** Frees the weights. */
  async dispose(): Promise<void> {
    await this.scorer?.dispose();
    await this.#device?.dispose();
    await this.#cpu?.dispose();
  }

  #onDevice(): DeviceDecoder {
    if (this.#device === null) throw new AnchorageError('internal', 'This decoder has no device.');
    return this.#device;
  }

  /** Frees the weights on a device that was left, once no cache has rows there. */
  async #freeDevice(): Promise<void> {
    const device = this.#device;
    if (device === null || this.deviceMemory.buffers > 0) return;
    this.#device = null;
    this.deviceMemory.lose('it is not used any more');
    await device.dispose();
  }

  async #leaveDevice(problem: AnchorageError): Promise<CpuDecoder> {
    if (this.#cpu !== null) return this.#cpu;
    this.#opening ??= verifyGraph(this.package, this.variant).then(() => {
      return CpuDecoder.open(this.#ort, this.package, this.variant, this.threads);
    });
    try {
      this.#cpu = await this.#opening;
    } finally {
      this.#opening = null;
    }
    this.#deviceProblem ??= problem;
    return this.#cpu;
  }
}

/**
 * The variant and the number of threads that the options stand for.
 *
 * @throws AnchorageError `unsupported` without such a variant.
 */
export function resolvedOptions(
  pkg: ModelPackage,
  { variant: wanted, threads }: Pick<DecoderOptions, 'variant' | 'threads'>,
): { readonly variant: Variant; readonly threads: number } {
  const order: readonly Variant[] = wanted === 'auto' ? ['int8', 'int4', 'fp32'] : [wanted];
  const variant = order.find((each) => pkg.variants.includes(each));
  if (variant === undefined) {
    throw new AnchorageError(
      'unsupported',
      `The package ${pkg.name} has no ${wanted} variant, only ${pkg.variants.join(', ')}.`,
      'Choose another variant, or convert the model again with this one.',
    );
  }
  return { variant, threads: threads === 0 ? physicalCores() : threads };
}
