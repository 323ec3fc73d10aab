/**
 * The part of @huggingface/tokenizers that the project uses. The package's own declarations import one another without file
 * extensions, which TypeScript does not resolve for Node.
 */
declare module '@huggingface/tokenizers' {
  export class Tokenizer {
    constructor(tokenizer: object, config: object);
    encode(text: string, options?: { readonly add_special_tokens?: boolean }): { readonly ids: number[] };
    decode(
      ids: readonly number[],
      options?: { readonly skip_special_tokens?: boolean; readonly clean_up_tokenization_spaces?: boolean },
    ): string;
  }
}
