import { planRehydration, type Pick } from './rehydrationPlan.ts';
import type { SessionMemory } from './sessionMemory.ts';
import { TextIndex } from './textIndex.ts';
import { wordsOf } from './words.ts';

/** Finds which of a session's sequences a question needs the details of. */
export class Rehydrator {
  readonly #memory: SessionMemory;
  readonly #index = new TextIndex();

  constructor(memory: SessionMemory) {
    this.#memory = memory;
  }

  /**
   * Which sequences to read again for a question; null where it has to be read itself to tell.
   *
   * @param question in the user's words; empty: only what the user wants.
   * @param salience of sequences to the question, by id; null before it was read.
   * @param tokens most tokens to be read again.
   */
  pick(question: string, salience: ReadonlyMap<string, number> | null, tokens: number): Pick[] | null {
    const { sequences, wanted } = this.#memory;
    const limit = question.trim() === '' ? 0 : tokens;
    if (limit === 0 && wanted.size === 0) return [];
    const words = wordsOf(question);
    this.#index.follow(sequences);
    return planRehydration({
      sequences,
      wanted,
      words,
      matches: this.#index.find(words),
      salience,
      tokens: limit,
    });
  }
}
