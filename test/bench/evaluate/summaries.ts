import type { ModelTokenizer } from '../../../src/engine/tokenizer.ts';
import { anchorCount } from '../../../src/engine/anchorChoice.ts';
import type { Item, RowInput } from './item.ts';

/** Words of English for a token, roughly: what the model is asked for; `maxTokens` is what holds. */
const wordsPerToken = 0.7;

/** The row that has the model write a chunk down in at most as many tokens as its anchors would be. */
export function summaryRow(chunk: Item['chunks'][number], ratio: number, tokenizer: ModelTokenizer): RowInput {
  const text = textOf(chunk);
  const tokens = anchorCount(tokenizer.encodeText(text).length, ratio);
  const words = Math.max(1, Math.round(wordsPerToken * tokens));
  const question = `Summarize the text above in at most ${words} words. Keep names, numbers and what was decided.`;
  return { chunks: [text], question, mode: 'full', maxTokens: tokens };
}

/** The item with the summaries in place of its chunks. */
export function withSummaries(item: Item, summaries: readonly string[]): Item {
  const chunks = summaries.filter((summary) => summary.trim() !== '').map((summary) => `${summary.trim()}\n`);
  return { ...item, chunks };
}

function textOf(chunk: Item['chunks'][number]): string {
  return typeof chunk === 'string' ? chunk : `User: ${chunk.user}\nAssistant: ${chunk.assistant}\n`;
}
