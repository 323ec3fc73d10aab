import { planRehydration, type Pick } from './rehydrationPlan.ts';
import type { SessionMemory } from './sessionMemory.ts';
import { TextIndex } from './textIndex.ts';
import { wordsOf } from './words.ts';

/** Finds which of a session's sequences a question needs the details of. */
export class Rehydrator {
  readonly #memory: SessionMemory;
  #index: Promise<TextIndex | null> | null = null;

  constructor(memory: SessionMemory) {
    this.#memory = memory;
  }

  /**
   * Which sequences to read again for a question whose attention the context has just told.
   *
   * @param question in the user's words.
   * @param tokens most tokens to be read again.
   */
  async pick(question: string, tokens: number): Promise<Pick[]> {
    const { sequences, wanted } = this.#memory;
    if (tokens === 0 && wanted.size === 0) return [];
    const words = wordsOf(question);
    const index = await (this.#index ??= TextIndex.create());
    index?.follow(sequences);
    return planRehydration({
      sequences,
      wanted,
      words: words.length,
      matches: index?.find(words) ?? [],
      attention: this.#attention(),
      tokens,
    });
  }

  close(): void {
    void this.#index?.then((index) => index?.close());
  }

  #attention(): ReadonlyMap<string, number> {
    const { context, sequences } = this.#memory;
    const received = context.attention;
    const mean = received.reduce((sum, each) => sum + each, 0) / Math.max(1, received.length);
    if (mean === 0) return new Map();
    const places = sequences.map(({ id }) => [id, this.#memory.placeOf(id)] as const);
    return new Map(places.flatMap(([id, place]) => (place < 0 ? [] : [[id, (received[place] ?? 0) / mean]])));
  }
}
