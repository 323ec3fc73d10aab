import type { BatchPinned } from '../protocol/batch.ts';
import { AnchorageError } from '../protocol/errors.ts';
import type { MachineProfile } from './machineProfile.ts';
import type { BatchContext, LoadParams, Model } from './model.ts';

export type LoadModel = (params: LoadParams, profile: MachineProfile) => Promise<Model>;

/** The one model of a worker. */
export class ModelSlot {
  readonly #loadModel: LoadModel;
  #model: Model | null = null;
  readonly #batchContexts = new Map<BatchPinned, BatchContext>();
  #error: unknown = null;

  constructor(loadModel: LoadModel) {
    this.#loadModel = loadModel;
  }

  get model(): Model | null {
    return this.#model;
  }

  /** What the last attempt to load failed with, or null. */
  get error(): unknown {
    return this.#error;
  }

  /** Loads a model in place of the one before, which goes first: two may not fit into memory. */
  async load(params: LoadParams, profile: MachineProfile): Promise<Model> {
    const before = this.#model;
    this.#model = null;
    this.dropBatchContexts();
    this.#error = null;
    await before?.dispose();
    try {
      this.#model = await this.#loadModel(params, profile);
      return this.#model;
    } catch (error) {
      this.#error = error;
      throw error;
    }
  }

  /** @throws AnchorageError why there is no model. */
  need(): Model {
    if (this.#model !== null) return this.#model;
    if (AnchorageError.is(this.#error)) throw this.#error;
    throw new AnchorageError('modelMissing', 'No model is loaded.', 'Load a model first.');
  }

  /** Forgets the contexts that batch rows share, which were on a device that is gone. */
  dropBatchContexts(): void {
    this.#batchContexts.clear();
  }

  /** The context that batch rows of this pinned prefix share. */
  batchContext(pinned: BatchPinned): BatchContext {
    const context = this.#batchContexts.get(pinned) ?? this.need().createBatchContext(pinned);
    this.#batchContexts.set(pinned, context);
    return context;
  }
}
