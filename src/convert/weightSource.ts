import type { DecoderConfig } from '../protocol/decoderConfig.ts';

/** The tokenizer of a decoder, as the JSON files that Hugging Face's libraries read. */
export interface TokenizerFiles {
  readonly tokenizer: unknown;
  readonly tokenizerConfig: unknown;
  readonly generationConfig: unknown;
}

/** A decoder on disk, whatever its format: tensors under Hugging Face's names, single precision, `[out, in]` row-major. */
export interface WeightSource {
  /** The file or folder, for messages. */
  readonly path: string;
  readonly config: DecoderConfig;
  /** Name of every tensor, with its shape. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  read(name: string): Float32Array;
  tokenizerFiles(): TokenizerFiles;
  /** SHA-256 of the file (of the list of hashes when there are several). */
  sha256(): string;
  close(): void;
}
