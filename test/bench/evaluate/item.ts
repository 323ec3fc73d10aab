import type { BatchRow } from '../../../src/protocol/batch.ts';

/** What is asked once the chunks are read, and how the answer is judged. */
export type Ask =
  /** Which of these texts is likeliest after a raw prompt, or as the answer of a question. */
  | {
      readonly kind: 'choice';
      readonly prompt?: string;
      readonly question?: string;
      readonly choices: readonly string[];
      readonly answer: number;
    }
  /** After which of these texts the same one is likeliest (WinoGrande's partial scoring, arXiv 1806.02847). */
  | {
      readonly kind: 'blank';
      readonly prompts: readonly string[];
      readonly continuation: string;
      readonly answer: number;
    }
  /** How likely the text is that goes on from the chunks: up to each of these ends, by name; the last is the whole. */
  | { readonly kind: 'continuation'; readonly upTo: readonly { readonly name: string; readonly text: string }[] }
  /** Whether the answer has these words, letter by letter, and how likely they are as the answer. */
  | { readonly kind: 'answer'; readonly question: string; readonly expected: string; readonly maxTokens: number }
  /** How near the answer is to a text that somebody wrote. */
  | { readonly kind: 'reference'; readonly question: string; readonly reference: string; readonly maxTokens: number };

/** One example of a task: what is read, and what is asked then. */
export interface Item {
  readonly id: string;
  readonly chunks: BatchRow['chunks'];
  /** Every chunk is read seeing the pinned prefix only. */
  readonly independent: boolean;
  readonly pinned: BatchRow['pinned'];
  readonly ask: Ask;
  /** Items that are counted together as well, such as those of one distance. */
  readonly group?: string;
  /** Reading the chunks whole does not fit the model's window. */
  readonly isTooLongWhole?: boolean;
}

/** A row of `batch`'s input without its id. */
export type RowInput = Partial<Omit<BatchRow, 'id'>>;

/** How the chunks of an item are read: the fields of a row that say so. */
export type RowReading = Pick<RowInput, 'mode' | 'ratio' | 'keep' | 'seed'>;

/** The rows that ask what `ask` asks, all after the same chunks. */
export function rowsOf(item: Item, reading: RowReading): RowInput[] {
  const { chunks, independent, pinned } = item;
  const context: RowInput = {
    ...(reading.mode === 'none' ? {} : { chunks, independent }),
    ...(pinned === 'none' ? { pinned } : {}),
    ...reading,
  };
  return askRows(item.ask).map((row) => ({ ...context, ...row }));
}

function askRows(ask: Ask): RowInput[] {
  switch (ask.kind) {
    case 'choice': {
      const before = ask.prompt === undefined ? { question: ask.question } : { prompt: ask.prompt };
      return [{ ...before, choices: [...ask.choices], maxTokens: 0 }];
    }
    case 'blank':
      return ask.prompts.map((prompt) => ({ prompt, continuation: ask.continuation }));
    case 'continuation':
      return ask.upTo.map(({ text }) => ({ continuation: text }));
    case 'answer':
      return [{ question: ask.question, score: ask.expected, maxTokens: ask.maxTokens }];
    case 'reference':
      return [{ question: ask.question, maxTokens: ask.maxTokens }];
  }
}
