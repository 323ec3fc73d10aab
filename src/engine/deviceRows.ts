import { join } from 'node:path';
import type { Tensor } from 'onnxruntime-node';
import { DeviceSession, type Feeds } from './deviceSession.ts';
import type { DeviceMemory } from './deviceMemory.ts';
import type { DeviceProvider } from './executionProvider.ts';
import type { KvShape } from './kvArenas.ts';
import { deviceGraphNames, deviceGraphPath, type DeviceGraphName, type ModelPackage } from './modelPackage.ts';
import type { OnnxRuntime } from './onnxRuntime.ts';
import { Rope } from './rope.ts';

/** What is done with buffers of rows on a device, each `[1, kv_heads, capacity, head_dim]`: the package's small graphs. */
export class DeviceRows {
  readonly memory: DeviceMemory;
  readonly shape: KvShape;
  readonly #ort: OnnxRuntime;
  readonly #graphs: Readonly<Record<DeviceGraphName, DeviceSession>>;
  readonly #rope: Rope;

  private constructor(
    shape: KvShape,
    memory: DeviceMemory,
    ort: OnnxRuntime,
    graphs: Readonly<Record<DeviceGraphName, DeviceSession>>,
  ) {
    this.shape = shape;
    this.memory = memory;
    this.#ort = ort;
    this.#graphs = graphs;
    this.#rope = new Rope(shape);
  }

  /** @throws AnchorageError `deviceFailed` where the provider cannot run the graphs. */
  static async open(
    ort: OnnxRuntime,
    pkg: ModelPackage,
    provider: DeviceProvider,
    memory: DeviceMemory,
  ): Promise<DeviceRows> {
    const opened: Partial<Record<DeviceGraphName, DeviceSession>> = {};
    try {
      for (const name of deviceGraphNames) {
        const makes = name === 'allocate' || name === 'resize' ? 'buffers' : 'copies';
        opened[name] = await DeviceSession.open(ort, join(pkg.folder, deviceGraphPath(name)), provider, memory, makes);
      }
      const { allocate, resize, read, write, keep, scores } = opened;
      if (!allocate || !resize || !read || !write || !keep || !scores) throw new RangeError('a graph was not opened');
      return new DeviceRows(pkg.config, memory, ort, { allocate, resize, read, write, keep, scores });
    } catch (error) {
      for (const session of Object.values(opened)) await session.release();
      throw error;
    }
  }

  /** Numbers of one buffer. */
  size(capacity: number): number {
    return this.shape.num_key_value_heads * capacity * this.shape.head_dim;
  }

  async allocate(capacity: number): Promise<Tensor> {
    const { num_key_value_heads: kvHeads, head_dim: headDim } = this.shape;
    return this.#made('allocate', { shape: this.#int64([1, kvHeads, capacity, headDim], [4]) }, capacity);
  }

  /** A buffer of another capacity that begins with the first `rows` of one; that one stays. */
  async resize(buffer: Tensor, capacity: number, rows: number): Promise<Tensor> {
    const kept = Array.from({ length: capacity }, (_, row) => (row < rows ? row : 0));
    return this.#made('resize', { rows: buffer, kept: this.#int64(kept, [capacity]) }, capacity);
  }

  /** `[buffers, count, kv_heads * head_dim]` */
  async read(buffers: readonly Tensor[], first: number, count: number): Promise<Float32Array> {
    const kept = this.#int64(
      Array.from({ length: count }, (_, i) => first + i),
      [count],
    );
    return this.#graphs.read.numbers({ ...numbered('rows', buffers), kept }, 'copied');
  }

  /** Puts `written` `[buffers, count, kv_heads * head_dim]` at rows `first` and on. */
  async write(buffers: readonly Tensor[], first: number, written: Float32Array): Promise<void> {
    const width = this.shape.num_key_value_heads * this.shape.head_dim;
    const count = written.length / (buffers.length * width);
    const feeds = {
      ...numbered('rows', buffers),
      places: this.#places(first, count),
      written: new this.#ort.Tensor('float32', written, [buffers.length, count, width]),
    };
    await this.#graphs.write.run(feeds, numbered('present', buffers));
  }

  /** Row `first + i` becomes what row `kept[i]` was, its key (in every other buffer) rotated by `shifts[i]` positions. */
  async keep(buffers: readonly Tensor[], first: number, kept: Int32Array, shifts: Int32Array): Promise<void> {
    const { Tensor } = this.#ort;
    const { cos, sin } = this.#rope.turns(shifts);
    const turns = [kept.length, this.shape.head_dim / 2];
    const feeds = {
      ...numbered('rows', buffers),
      kept: this.#int64(kept, [kept.length]),
      places: this.#places(first, kept.length),
      cos: new Tensor('float32', cos, turns),
      sin: new Tensor('float32', sin, turns),
    };
    await this.#graphs.keep.run(feeds, numbered('present', buffers));
  }

  /**
   * @param queries per layer `[1, S, heads * head_dim]`, rotated.
   * @param bias `[1, 1, S, total]`
   * @returns `[layers, heads, total]`: per key the largest attention probability over the S queries.
   */
  async scores(
    buffers: readonly Tensor[],
    queries: readonly Tensor[],
    bias: Tensor,
    total: number,
  ): Promise<Float32Array> {
    const keys = buffers.filter((_, block) => block % 2 === 0);
    const seen = this.#int64(
      Array.from({ length: total }, (_, row) => row),
      [total],
    );
    const feeds = { ...numbered('query', queries), ...numbered('key', keys), seen, attention_bias: bias };
    return this.#graphs.scores.numbers(feeds, 'attention_scores');
  }

  async release(): Promise<void> {
    for (const graph of Object.values(this.#graphs)) await graph.release();
  }

  async #made(graph: 'allocate' | 'resize', feeds: Feeds, capacity: number): Promise<Tensor> {
    const bytes = this.size(capacity) * Float32Array.BYTES_PER_ELEMENT;
    this.memory.check(bytes);
    return this.memory.own(await this.#graphs[graph].buffer(feeds, 'made'), bytes);
  }

  /** Indices `[kv_heads, count, 3]` of rows `first` and on, as `ScatterND` takes them. */
  #places(first: number, count: number): Tensor {
    const { num_key_value_heads: kvHeads } = this.shape;
    const places = new BigInt64Array(kvHeads * count * 3);
    for (let head = 0; head < kvHeads; head++) {
      for (let i = 0; i < count; i++) {
        places[(head * count + i) * 3 + 1] = BigInt(head);
        places[(head * count + i) * 3 + 2] = BigInt(first + i);
      }
    }
    return new this.#ort.Tensor('int64', places, [kvHeads, count, 3]);
  }

  #int64(values: ArrayLike<number>, dims: readonly number[]): Tensor {
    return new this.#ort.Tensor('int64', BigInt64Array.from(Array.from(values), BigInt), dims);
  }
}

/** Tensors under the names `{name}.0`, `{name}.1`, … */
export function numbered(name: string, tensors: readonly Tensor[]): Record<string, Tensor> {
  return Object.fromEntries(tensors.map((tensor, i) => [`${name}.${i}`, tensor]));
}
