import type { AnchorKeys } from './anchorKey.ts';

interface Placed {
  readonly id: string;
  /** Names the anchors that are in the context; null where they are not those that are kept in the store. */
  readonly anchorKey: string | null;
  /** Chain of keys up to and with it. */
  readonly chain: string;
}

/** Which sequences the context holds as anchors, in its order: the n-th here is the n-th there. */
export class PlacedSequences {
  readonly #keys: AnchorKeys;
  readonly #placed: Placed[] = [];
  readonly #indices = new Map<string, number>();

  constructor(keys: AnchorKeys) {
    this.#keys = keys;
  }

  get count(): number {
    return this.#placed.length;
  }

  /** Chain of what the next sequence will see. */
  get chain(): string {
    return this.#placed.at(-1)?.chain ?? this.#keys.start;
  }

  /** Index in the context; -1 where it is not there. */
  indexOf(id: string): number {
    return this.#indices.get(id) ?? -1;
  }

  anchorKeyAt(index: number): string | null {
    return this.#placed[index]?.anchorKey ?? null;
  }

  /** @param key of its anchors, whether they are stored or not. */
  push(id: string, key: string, isStored: boolean): void {
    this.#indices.set(id, this.count);
    this.#placed.push({ id, anchorKey: isStored ? key : null, chain: this.#keys.after(this.chain, key) });
  }

  /** Forgets those from `count` on. */
  truncate(count: number): void {
    for (const { id } of this.#placed.splice(count)) this.#indices.delete(id);
  }

  /** Takes one out of the middle: what is read from now on does not see it. */
  remove(index: number): void {
    const after = this.#placed.slice(index + 1);
    this.truncate(index);
    for (const { id, anchorKey, chain } of after) this.push(id, anchorKey ?? chain, anchorKey !== null);
  }
}
