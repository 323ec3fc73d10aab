import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { AnchorageError, messageOf } from '../protocol/errors.ts';
import { deviceFailed, type DeviceMemory } from './deviceMemory.ts';
import type { DeviceProvider } from './executionProvider.ts';
import type { OnnxRuntime } from './onnxRuntime.ts';

/** Where a buffer lies that a device made. onnxruntime's Node binding knows WebGPU's by this name, and no others. */
const deviceLocation = 'gpu-buffer';

export type Feeds = Readonly<Record<string, Tensor>>;

/** A graph on a device. Buffers that lie there are fed and fetched as they are; what else comes out is copied to memory. */
export class DeviceSession {
  readonly path: string;
  readonly session: InferenceSession;
  readonly #memory: DeviceMemory;

  private constructor(path: string, session: InferenceSession, memory: DeviceMemory) {
    this.path = path;
    this.#memory = memory;
    this.session = session;
  }

  /**
   * @param makes what becomes of outputs that are fetched into nothing: buffers on the device, or copies in memory.
   * @throws AnchorageError `deviceFailed` where the provider cannot run the graph.
   */
  static async open(
    ort: OnnxRuntime,
    path: string,
    provider: DeviceProvider,
    memory: DeviceMemory,
    makes: 'buffers' | 'copies' = 'copies',
  ): Promise<DeviceSession> {
    try {
      const session = await ort.InferenceSession.create(path, {
        executionProviders: [provider],
        logSeverityLevel: 4,
        enableMemPattern: false,
        ...(makes === 'buffers' ? { preferredOutputLocation: deviceLocation } : {}),
      });
      return new DeviceSession(path, session, memory);
    } catch (error) {
      throw deviceFailed(`${path} cannot be loaded with ${provider}: ${messageOf(error)}`, error);
    }
  }

  /**
   * @param into buffers that outputs are written to; null for outputs that are given back.
   * @throws AnchorageError `deviceFailed`
   */
  async run(feeds: Feeds, into: Readonly<Record<string, Tensor | null>>): Promise<InferenceSession.OnnxValueMapType> {
    this.#memory.needDevice();
    let results: InferenceSession.OnnxValueMapType;
    try {
      results = await this.session.run(feeds, into);
    } catch (error) {
      const problem = messageOf(error);
      if (/\blost\b/i.test(problem)) this.#memory.lose(problem);
      throw deviceFailed(problem, error);
    }
    // The binding wraps a buffer that it was given anew: the wrapping holds it, and would keep it from being freed.
    for (const [name, buffer] of Object.entries(into)) if (buffer !== null) results[name]?.dispose();
    return results;
  }

  /** As `run`, for a single output that comes to memory. */
  async numbers(feeds: Feeds, name: string): Promise<Float32Array> {
    return numbersOf(await this.run(feeds, { [name]: null }), name);
  }

  /** As `run`, for a single output that stays on the device. */
  async buffer(feeds: Feeds, name: string): Promise<Tensor> {
    const made = (await this.run(feeds, { [name]: null }))[name];
    if (made !== undefined && 'location' in made && made.location === deviceLocation) return made;
    throw new AnchorageError('unsupported', 'onnxruntime gives no buffers on this device, only copies of them.');
  }

  async release(): Promise<void> {
    await this.session.release();
  }
}

/** @throws AnchorageError `deviceFailed` for an output that is not there. */
export function numbersOf(results: InferenceSession.OnnxValueMapType, name: string): Float32Array {
  const value = results[name];
  if (value !== undefined && 'data' in value && value.data instanceof Float32Array) return value.data;
  throw deviceFailed(`it gave no ${name}`);
}
