import { foldedWord, identifierParts, tokensOf } from './searchWords.ts';
import type { SequenceText } from './sessionSequence.ts';
import type { QuestionWord } from './words.ts';

/** How well a sequence's text answers to a question's words. */
export interface TextMatch {
  readonly id: string;
  /**
   * Sum of the weights of the words that it has, as a share of the weights of all the question's words; one that the
   * session has nowhere weighs most.
   */
  readonly coverage: number;
  /** The words that it has, the rarest first. */
  readonly words: readonly string[];
}

interface IndexedText {
  readonly text: SequenceText;
  /** Words of it, those that identifiers consist of among them. */
  readonly length: number;
}

/** How much more a name says than another word that is as rare. */
const nameWeight = 2;

/** Of BM25 (Robertson and Zaragoza 2009), as usual: how soon more of a word says no more, and how much a text's length counts. */
const saturation = 1.2;
const lengthShare = 0.75;
/** Least rarity in BM25, where more than half of the texts have a word. */
const leastRarity = 1e-6;

/**
 * Finds the sequences of one session by words, identifiers by their parts too. How rare a word is goes by the session
 * itself.
 */
export class TextIndex {
  /** By sequence. */
  readonly #texts = new Map<string, IndexedText>();
  /** By word: how often each sequence that has it does. */
  readonly #holders = new Map<string, Map<string, number>>();
  /** Words of all texts. */
  #length = 0;

  /** Takes over a session's sequences as they are now. */
  follow(sequences: readonly { readonly id: string; readonly text: SequenceText }[]): void {
    const present = new Set(sequences.map(({ id }) => id));
    for (const id of this.#texts.keys()) if (!present.has(id)) this.#remove(id);
    for (const { id, text } of sequences) if (!this.#texts.has(id)) this.#add(id, text);
  }

  /** Sequences that have some of the words, the best first; of equals, the one that BM25 prefers. */
  find(words: readonly QuestionWord[]): TextMatch[] {
    const total = this.#texts.size;
    const found = new Map<string, { weight: number; rank: number; words: { text: string; weight: number }[] }>();
    let sum = 0;
    for (const { text, isName } of words) {
      const holders = this.#holders.get(foldedWord(text)) ?? new Map<string, number>();
      const rarity = Math.log(1 + (total - holders.size + 0.5) / (holders.size + 0.5));
      const weight = rarity * (isName ? nameWeight : 1);
      sum += weight;
      for (const [id, count] of holders) {
        const match = found.get(id) ?? { weight: 0, rank: 0, words: [] };
        match.weight += weight;
        match.rank += this.#rank(id, count, holders.size);
        match.words.push({ text, weight });
        found.set(id, match);
      }
    }
    return [...found]
      .sort(([, a], [, b]) => b.weight - a.weight || b.rank - a.rank)
      .map(([id, match]) => ({
        id,
        coverage: match.weight / sum,
        words: match.words.sort((a, b) => b.weight - a.weight).map(({ text }) => text),
      }));
  }

  /** BM25 of a text for one word, that it has `count` times and `holders` texts have. */
  #rank(id: string, count: number, holders: number): number {
    const total = this.#texts.size;
    const rarity = Math.max(leastRarity, Math.log((total - holders + 0.5) / (holders + 0.5)));
    const relative = ((this.#texts.get(id)?.length ?? 0) * total) / this.#length;
    return (rarity * count * (saturation + 1)) / (count + saturation * (1 - lengthShare + lengthShare * relative));
  }

  #add(id: string, text: SequenceText): void {
    const words = wordsIn(text);
    for (const word of words) {
      const holders = this.#holders.get(word) ?? new Map<string, number>();
      holders.set(id, (holders.get(id) ?? 0) + 1);
      this.#holders.set(word, holders);
    }
    this.#texts.set(id, { text, length: words.length });
    this.#length += words.length;
  }

  #remove(id: string): void {
    const indexed = this.#texts.get(id);
    if (indexed === undefined) return;
    for (const word of wordsIn(indexed.text)) {
      const holders = this.#holders.get(word);
      holders?.delete(id);
      if (holders?.size === 0) this.#holders.delete(word);
    }
    this.#texts.delete(id);
    this.#length -= indexed.length;
  }
}

function wordsIn(text: SequenceText): string[] {
  const body = text.kind === 'chunk' ? `${text.path}\n${text.text}` : `${text.question}\n${text.answer}`;
  return [...tokensOf(body), ...tokensOf(identifierParts(body))].map(({ folded }) => folded);
}
