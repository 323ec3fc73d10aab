import type { DecoderConfig } from '../protocol/decoderConfig.ts';
import type { Adapter } from './adapter.ts';
import { underOneAnother, type AnchorLora } from './anchorLora.ts';
import type { AnchorEmbedding, DecoderWeights } from './decoderWeights.ts';
import type { Matrix } from './linearLayer.ts';
import { addLora, type LoraFile } from './loraFile.ts';
import type { WeightSource } from './weightSource.ts';

/** A decoder's weights, with an adapter's changes for all tokens added as each is read: one tensor in memory at a time. */
export class MergedWeights implements DecoderWeights {
  readonly config: DecoderConfig;
  readonly anchors: AnchorEmbedding;
  readonly #source: WeightSource;
  readonly #forAll: LoraFile | null;
  readonly #onAnchors: LoraFile | null;

  constructor(source: WeightSource, config: DecoderConfig, adapter: Adapter | null) {
    this.config = config;
    this.#source = source;
    this.#forAll = adapter?.forAll ?? null;
    this.#onAnchors = adapter?.onAnchors ?? null;
    this.anchors = adapter?.anchorEmbedding(config) ?? { kind: 'none' };
  }

  get hasAnchorLora(): boolean {
    return this.#onAnchors !== null;
  }

  vector(name: string): Float32Array {
    return this.#source.read(name);
  }

  matrix(...names: string[]): Matrix {
    const parts = names.map((name) => this.#merged(name));
    const columns = this.#source.shapes.get(names[0] ?? '')?.[1] ?? 0;
    const [first] = parts;
    const values = parts.length === 1 && first ? first : concatenate(parts);
    return { values, rows: values.length / columns, columns };
  }

  anchorLora(...names: string[]): AnchorLora | null {
    const parts = names.map((name) => {
      const [rows = 0, columns = 0] = this.#source.shapes.get(name) ?? [];
      const pair = this.#onAnchors?.pairFor(name);
      if (pair === undefined) return { rows, lora: null };
      const { a, b, rank, scale } = pair;
      const up = b.map((value) => value * scale);
      return { rows, lora: { down: { values: a, rows: rank, columns }, up: { values: up, rows, columns: rank } } };
    });
    return underOneAnother(parts);
  }

  #merged(name: string): Float32Array {
    const values = this.#source.read(name);
    const pair = this.#forAll?.pairFor(name);
    if (pair) addLora(values, this.#source.shapes.get(name)?.[1] ?? 0, pair);
    return values;
  }
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const values = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    values.set(part, at);
    at += part.length;
  }
  return values;
}
