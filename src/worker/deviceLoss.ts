import { AnchorageError } from '../protocol/errors.ts';
import type { Model } from './model.ts';

export interface DeviceLossOptions {
  /** Drops the contexts that counted on the device. */
  readonly forget: () => void;
  /** Called when a model has left its device. */
  readonly onChange: (info: Model['info']) => void;
}

/**
 * Does work whose device may be lost, with the keys and values that were on it. The work is then done once more: a decoder
 * that lost its device runs on the CPU, and sessions are placed again from the store and from their text.
 */
export class DeviceLoss {
  readonly #options: DeviceLossOptions;

  constructor(options: DeviceLossOptions) {
    this.#options = options;
  }

  async survive<T>(model: Model, work: () => Promise<T>): Promise<T> {
    const { executionProvider } = model.info;
    try {
      return await work();
    } catch (error) {
      if (!AnchorageError.is(error, 'deviceFailed')) throw error;
      this.#options.forget();
      return await work();
    } finally {
      if (model.info.executionProvider !== executionProvider) this.#options.onChange(model.info);
    }
  }
}

/** Passes on the text of an answer that may be begun again: as much as was passed on before is not repeated. */
export class ResumedText {
  readonly #onText: (text: string) => void;
  #given = 0;
  #seen = 0;

  constructor(onText: (text: string) => void) {
    this.#onText = onText;
  }

  /** The text begins, or begins again. */
  begin(): void {
    this.#seen = 0;
  }

  push(text: string): void {
    const fresh = text.slice(Math.max(0, this.#given - this.#seen));
    this.#seen += text.length;
    if (fresh === '') return;
    this.#given = this.#seen;
    this.#onText(fresh);
  }
}
