import { Tokenizer } from '@huggingface/tokenizers';
import { z } from 'zod';
import { AnchorageError } from '../protocol/errors.ts';
import { TokenStream } from './tokenStream.ts';

const id = z
  .int()
  .min(0)
  .max(1 << 24);

/** What the engine itself reads of `tokenizer.json`; the rest is for the tokenizers library. */
export const tokenizerJsonSchema = z.looseObject({
  model: z.looseObject({ type: z.string().optional() }),
  added_tokens: z
    .array(z.looseObject({ id, content: z.string().min(1), special: z.boolean().default(false) }))
    .default([]),
});

export type TokenizerJson = z.infer<typeof tokenizerJsonSchema>;

/**
 * The model's tokenizer. Text from outside is read with added tokens not parsed: a file that holds "<|im_end|>" stays
 * text, and cannot end an exchange.
 */
export class ModelTokenizer {
  readonly #text: Tokenizer;
  /** Added tokens by content, longest first in `#markup`. */
  readonly #added: ReadonlyMap<string, number>;
  readonly #addedIds: ReadonlyMap<number, string>;
  readonly #markup: RegExp | null;

  /** @throws Error of the tokenizers library when `json` describes no tokenizer it knows. */
  constructor(json: TokenizerJson) {
    this.#added = new Map(json.added_tokens.map((token) => [token.content, token.id]));
    this.#addedIds = new Map(json.added_tokens.map((token) => [token.id, token.content]));
    const contents = [...this.#added.keys()].sort((a, b) => b.length - a.length);
    this.#markup = contents.length === 0 ? null : new RegExp(`(${contents.map(escaped).join('|')})`);
    this.#text = new Tokenizer(withoutAddedTokens(json), { clean_up_tokenization_spaces: false });
  }

  /** Ids of text from outside. */
  encodeText(text: string): number[] {
    if (text === '') return [];
    return this.#text.encode(text.toWellFormed(), { add_special_tokens: false }).ids;
  }

  /** Splits markup into its added tokens (ids) and the text between them. */
  splitMarkup(markup: string): (number | string)[] {
    const parts = this.#markup === null ? [markup] : markup.split(this.#markup);
    return parts.filter((part) => part !== '').map((part) => this.#added.get(part) ?? part);
  }

  /** Ids of markup, whose added tokens are parsed. Only for text that the engine or the package wrote itself. */
  encodePrompt(markup: string): number[] {
    return this.splitMarkup(markup).flatMap((part) => (typeof part === 'number' ? [part] : this.encodeText(part)));
  }

  /** Text of ids; added tokens are left out, as markup is not part of the text. */
  decode(ids: readonly number[]): string {
    const visible = ids.filter((token) => !this.#addedIds.has(token));
    return visible.length === 0 ? '' : this.#text.decode(visible, { clean_up_tokenization_spaces: false });
  }

  /** A detokeniser for tokens that come one by one. */
  decodeStream(): TokenStream {
    return new TokenStream((ids) => this.decode(ids));
  }

  /** Id of an added token by its content. */
  addedToken(content: string): number | undefined {
    return this.#added.get(content);
  }

  /** This tokenizer. @throws AnchorageError `fileInvalid` when it gives ids that the vocabulary does not have. */
  checkedAgainst(vocabulary: number): this {
    const highest = Math.max(-1, ...this.#addedIds.keys());
    const sample = this.encodeText('The quick brown fox\n\tconst x = 10; // é 漢 🦊');
    const largest = sample.reduce((a, b) => Math.max(a, b), highest);
    if (sample.some((token) => !Number.isInteger(token)) || largest >= vocabulary) {
      throw new AnchorageError(
        'fileInvalid',
        `tokenizer.json gives the token id ${largest}, but config.json's vocab_size is ${vocabulary}.`,
        'Convert the model again from its own tokenizer.',
      );
    }
    return this;
  }
}

/** The tokenizer without its added tokens, also where the vocabulary lists them (as GGUF files do). */
function withoutAddedTokens(json: TokenizerJson): TokenizerJson {
  const contents = new Set(json.added_tokens.map((token) => token.content));
  const vocabulary = json.model['vocab'];
  const isMap = typeof vocabulary === 'object' && vocabulary !== null && !Array.isArray(vocabulary);
  const vocab = isMap
    ? Object.fromEntries(Object.entries(vocabulary).filter(([token]) => !contents.has(token)))
    : vocabulary;
  return { ...json, added_tokens: [], model: { ...json.model, vocab } };
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
