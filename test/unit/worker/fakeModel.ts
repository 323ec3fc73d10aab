import { AnchorKeys } from '../../../src/memory/anchorKey.ts';
import { KvBudget } from '../../../src/memory/kvBudget.ts';
import type { SealDefaults } from '../../../src/memory/sequencePlacer.ts';
import type { SequenceText } from '../../../src/memory/sessionSequence.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import type { LoadParams, Model } from '../../../src/worker/model.ts';
import { FakeContext, type FakeDevice, type Pace } from './fakeContext.ts';

export const fakeDefaults: SealDefaults = { ratio: 8, choice: 'window', independentChunks: true, ratios: [8, 16] };

const nothingToCalibrate: Model['calibration'] = {
  reason: 'CPU, because nothing is computed.',
  isDue: false,
  run: async () => {},
  tryProvidersAgain: async () => {},
  noteAnswer: () => undefined,
  lines: [],
};

/** Tokens of text: its characters. */
export function fakeTokens(text: string): number[] {
  return Array.from(text, (character) => character.codePointAt(0) ?? 0);
}

export function encodeFake(text: SequenceText): number[] {
  if (text.kind === 'chunk') return fakeTokens(`${text.path}\n${text.text}`);
  return fakeTokens(`Q: ${text.question}\nA: ${text.answer}\n`);
}

/**
 * A model that answers by words. `packageFolder` orders its behaviour: "missing" is not there, "slow" loads slowly, "device" is on
 * a device until that is lost.
 */
export class FakeModel implements Model {
  readonly defaults = fakeDefaults;
  readonly maxSequenceTokens = 256;
  readonly budget = new KvBudget(1e6);
  readonly capacity = 4096;
  readonly canSpill = true;
  readonly workRows = 512;
  readonly rereadTokens = 512;
  readonly heldRows = Infinity;
  readonly questionHead = 3;
  readonly keys = new AnchorKeys('fake', [1, 2, 3]);
  readonly calibration: Model['calibration'];
  readonly #pace: Pace;
  readonly #packageFolder: string;
  readonly #device: FakeDevice | null;

  constructor(pace: Pace, packageFolder = 'fake', calibration: Model['calibration'] = nothingToCalibrate) {
    this.#pace = pace;
    this.calibration = calibration;
    this.#packageFolder = packageFolder;
    this.#device = packageFolder === 'device' ? { isLost: false } : null;
  }

  get info(): Model['info'] {
    const isOnDevice = this.#device?.isLost === false;
    return {
      name: 'fake',
      packageFolder: this.#packageFolder,
      variant: 'fp32',
      executionProvider: isOnDevice ? 'webgpu' : 'cpu',
      executionProviderReason: 'CPU, because nothing is computed.',
      scheme: 'mark',
      choice: 'window',
      ratio: 8,
      ratios: [8, 16],
      contextTokens: 4096,
      kvBytesPerToken: 8,
      loadMs: 1,
    };
  }

  static async load({ packageFolder }: LoadParams, pace: Pace): Promise<FakeModel> {
    if (packageFolder === 'missing')
      throw new AnchorageError('modelMissing', 'There is no model package at missing.', 'Build it.');
    await new Promise((resolve) => setTimeout(resolve, packageFolder === 'slow' ? 300 : 0));
    return new FakeModel(pace, packageFolder);
  }

  positionsOf(tokens: number): number {
    return Math.ceil(tokens / this.defaults.ratio);
  }

  encode(text: SequenceText): number[] {
    return encodeFake(text);
  }

  encodeQuestion(question: string): number[] {
    return fakeTokens(`Q: ${question}\nA: `);
  }

  encodeText(text: string): number[] {
    return fakeTokens(text);
  }

  createContext(): FakeContext {
    // One that is made after the loss is on the CPU.
    return new FakeContext(this.#pace, undefined, this.#device?.isLost === false ? this.#device : null);
  }

  createBatchContext(): ReturnType<Model['createBatchContext']> {
    const context = new FakeContext(this.#pace);
    return {
      context,
      held: [],
      readKept: async (texts, { ratio }) => {
        for (const text of texts) await context.seal(text, { ratio });
      },
      score: async (tokens) => ({ logProb: -tokens.length, tokens: tokens.length }),
      scoreAside: async (tokens) => ({ logProb: -tokens.length, tokens: tokens.length }),
    };
  }

  async dispose(): Promise<void> {}
}
