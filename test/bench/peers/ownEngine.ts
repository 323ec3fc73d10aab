import { AnchorContext } from '../../../src/engine/anchorContext.ts';
import { Decoder } from '../../../src/engine/decoder.ts';
import { loadPackage } from '../../../src/engine/modelPackage.ts';
import { indexOfLargest } from '../../../src/engine/sampling.ts';
import type { SequenceAnchors } from '../../../src/engine/sealedSequence.ts';
import type { Variant } from '../../../src/protocol/packageManifest.ts';
import { builtInPackage } from '../report.ts';
import { timedAnswer, type BenchEngine, type TimedAnswer } from './benchEngine.ts';
import { readRows, storedRows, writeRows } from './storedRows.ts';

export interface OwnOptions {
  readonly variant: Variant;
  readonly threads: number;
  /** Tokens per anchor; `full`: every row stays. */
  readonly caching: number | 'full';
  readonly pinned: readonly number[];
}

const extraRows = 128;

/** The project's own engine. */
export class OwnEngine implements BenchEngine {
  readonly #context: AnchorContext;
  readonly #caching: OwnOptions['caching'];

  private constructor(context: AnchorContext, caching: OwnOptions['caching']) {
    this.#context = context;
    this.#caching = caching;
  }

  /** @param tokens of a session that is longer than the base's window: its rows are then held for their speed alone. */
  static async create({ variant, threads, caching, pinned }: OwnOptions, isOverlong = false): Promise<OwnEngine> {
    const pkg = await loadPackage(builtInPackage);
    // Positions that rows do not move on: what is put in twice stands where it stood, inside the window.
    const used = isOverlong ? { ...pkg, anchors: { ...pkg.anchors, positions: 'absolute' as const } } : pkg;
    const decoder = await Decoder.create(used, { variant, threads });
    return new OwnEngine(new AnchorContext(decoder, { pinned }), caching);
  }

  async hold(exchange: readonly number[]): Promise<void> {
    if (this.#caching === 'full') await this.#context.keepWhole(exchange);
    else await this.#context.seal(exchange, { ratio: this.#caching, choice: 'stride' });
  }

  async answer(question: readonly number[], answer: readonly number[]): Promise<TimedAnswer> {
    const context = this.#context;
    const timed = await timedAnswer(question, answer, async (tokens) => {
      const [logits] = await context.read(tokens, { logits: 'last' });
      return logits === undefined ? NaN : indexOfLargest(logits);
    });
    context.dropLive();
    return timed;
  }

  keysValues(): { rows: number; bytes: number; reservedBytes: number } {
    const { rows, bytes } = this.#context;
    return { rows, bytes, reservedBytes: bytes };
  }

  readonly save = async (path: string): Promise<void> => {
    const { sequences } = this.#context;
    await writeRows(
      path,
      sequences.map(
        ({ index }) =>
          () =>
            this.#context.exportAnchors(index, 'fp16'),
      ),
    );
  };

  /**
   * Takes rows that were saved, of the first `count` exchanges.
   *
   * @param times more than once: the same rows again and again, at the positions that they had.
   */
  async restore(path: string, count: number, times = 1): Promise<void> {
    const context = this.#context;
    await context.readPinned();
    // For the question and its answer as well.
    await context.makeRoom(times * storedRows(path, count) + extraRows);
    for (let n = 0; n < times; n++) {
      for (const stored of readRows(path, count)) {
        await context.importAnchors(times === 1 ? stored : withoutSpan(stored, context.pinned.length));
      }
    }
  }
}

/** The same rows, as a sequence that takes no positions: the next one begins where this one does. */
function withoutSpan(stored: SequenceAnchors, pinned: number): SequenceAnchors {
  return { ...stored, textPosition: pinned, sequence: { ...stored.sequence, span: 0 } };
}
