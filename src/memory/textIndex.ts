import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import type { SequenceText } from './sessionSequence.ts';
import { identifierParts, type QuestionWord } from './words.ts';

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

const rowSchema = z.object({ id: z.string(), rank: z.number() });

/** How much more a name says than another word that is as rare. */
const nameWeight = 2;

/**
 * Finds the sequences of one session by words: an FTS5 table in memory, whose word counts are the session's own.
 */
export class TextIndex {
  readonly #database: DatabaseSync;
  readonly #known = new Set<string>();

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Null on a Node without SQLite or its FTS5: nothing is then found by words. */
  static async create(): Promise<TextIndex | null> {
    try {
      const { DatabaseSync } = await import('node:sqlite');
      const database = new DatabaseSync(':memory:');
      database.exec(
        `CREATE VIRTUAL TABLE texts USING fts5(id UNINDEXED, words, parts, tokenize = "unicode61 tokenchars '_'")`,
      );
      return new TextIndex(database);
    } catch {
      return null;
    }
  }

  /** Takes over a session's sequences as they are now. */
  follow(sequences: readonly { readonly id: string; readonly text: SequenceText }[]): void {
    const present = new Set(sequences.map(({ id }) => id));
    const remove = this.#database.prepare('DELETE FROM texts WHERE id = ?');
    for (const id of this.#known) {
      if (present.has(id)) continue;
      remove.run(id);
      this.#known.delete(id);
    }
    const insert = this.#database.prepare('INSERT INTO texts (id, words, parts) VALUES (?, ?, ?)');
    for (const { id, text } of sequences) {
      if (this.#known.has(id)) continue;
      const words = text.kind === 'chunk' ? `${text.path}\n${text.text}` : `${text.question}\n${text.answer}`;
      insert.run(id, words, identifierParts(words));
      this.#known.add(id);
    }
  }

  /** Sequences that have some of the words, the best first; of equals, the one that BM25 prefers. */
  find(words: readonly QuestionWord[]): TextMatch[] {
    const total = this.#known.size;
    const found = new Map<string, { weight: number; rank: number; words: { text: string; weight: number }[] }>();
    let sum = 0;
    for (const { text, isName } of words) {
      const rows = this.#holders(text);
      const rarity = Math.log(1 + (total - rows.length + 0.5) / (rows.length + 0.5));
      const weight = rarity * (isName ? nameWeight : 1);
      sum += weight;
      for (const { id, rank } of rows) {
        const match = found.get(id) ?? { weight: 0, rank: 0, words: [] };
        match.weight += weight;
        match.rank += rank;
        match.words.push({ text, weight });
        found.set(id, match);
      }
    }
    return [...found]
      .sort(([, a], [, b]) => b.weight - a.weight || a.rank - b.rank)
      .map(([id, match]) => ({
        id,
        coverage: match.weight / sum,
        words: match.words.sort((a, b) => b.weight - a.weight).map(({ text }) => text),
      }));
  }

  close(): void {
    this.#database.close();
  }

  #holders(text: string): { id: string; rank: number }[] {
    return this.#database
      .prepare('SELECT id, bm25(texts) AS rank FROM texts WHERE texts MATCH ?')
      .all(`"${text}"`)
      .map((row) => rowSchema.parse(row));
  }
}
