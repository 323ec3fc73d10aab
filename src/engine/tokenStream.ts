/**
 * Turns tokens that come one by one into text.
 *
 * A character's bytes may be split over tokens, and some decoders treat the first token of a text apart (a leading
 * space). So the tokens since the last whole character are decoded together with the few before them, and what is new
 * in that text is given out once it ends in a whole character.
 */
export class TokenStream {
  readonly #decode: (ids: readonly number[]) => string;
  /** Tokens whose text went out last, for context, then tokens not given out yet. */
  #context: number[] = [];
  #pending: number[] = [];

  constructor(decode: (ids: readonly number[]) => string) {
    this.#decode = decode;
  }

  /** Text that the next token completes; empty while a character is incomplete. */
  push(id: number): string {
    this.#pending.push(id);
    const text = this.#newText();
    if (text === '' || text.endsWith('\ufffd')) return '';
    this.#context = this.#pending;
    this.#pending = [];
    return text;
  }

  /** The rest, with U+FFFD for bytes that never became a character. */
  flush(): string {
    const text = this.#newText();
    this.#context = [];
    this.#pending = [];
    return text;
  }

  #newText(): string {
    const before = this.#decode(this.#context);
    return this.#decode([...this.#context, ...this.#pending]).slice(before.length);
  }
}
