import { createHash } from 'node:crypto';
import type { Choice } from '../protocol/anchorConfig.ts';

export interface SealedAs {
  readonly ratio: number;
  readonly choice: Choice;
  readonly independent: boolean;
}

/** Characters of a key that name the model and the pinned prefix. */
const rootLength = 16;

/**
 * Names anchors by everything that decides them: the package and variant, the pinned prefix, the sequence's tokens
 * and how it was sealed, and, unless it was read alone, the keys of all sequences that it saw.
 */
export class AnchorKeys {
  readonly #root: string;

  /** @param model names the package and the variant. */
  constructor(model: string, pinned: readonly number[]) {
    this.#root = hash('root', model, tokenBytes(pinned)).slice(0, rootLength);
  }

  /** The chain before the first sequence. */
  get start(): string {
    return this.#root;
  }

  /** @param chain of the sequences before it; has no influence on the key of an independent sequence. */
  keyOf(chain: string, tokens: readonly number[], { ratio, choice, independent }: SealedAs): string {
    const before = independent ? this.#root : chain;
    return `${this.#root}-${hash(before, `${ratio} ${choice} ${independent}`, tokenBytes(tokens))}`;
  }

  /** Whether a key names anchors of this model. */
  owns(key: string): boolean {
    return key.startsWith(`${this.#root}-`);
  }

  /** The chain after a sequence. */
  after(chain: string, key: string): string {
    return hash('chain', chain, key);
  }
}

function hash(...parts: readonly (string | Uint8Array)[]): string {
  const digest = createHash('sha256');
  for (const part of parts) digest.update(`${part.length}:`).update(part);
  return digest.digest('hex');
}

function tokenBytes(tokens: readonly number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(tokens).buffer);
}
