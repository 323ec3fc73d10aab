import { join } from 'node:path';
import { z } from 'zod';
import { AnchorageError } from '../protocol/errors.ts';
import { hashFile } from './hashFile.ts';
import { readJson } from './readJson.ts';
import { SafetensorsFile } from './safetensorsFile.ts';

export const loraFileNames = ['adapter_config.json', 'adapter_model.safetensors'] as const;

/** The fields of PEFT's `adapter_config.json` that the merge depends on; settings that would change it are refused. */
const loraConfigSchema = z.object({
  peft_type: z.literal('LORA'),
  r: z.int().min(1).max(4096),
  lora_alpha: z.number(),
  bias: z.literal('none').default('none'),
  use_rslora: z.literal(false).default(false),
  use_dora: z.literal(false).default(false),
  fan_in_fan_out: z.literal(false).default(false),
  /** Ranks and scales of single matrices. */
  rank_pattern: z.strictObject({}).nullish(),
  alpha_pattern: z.strictObject({}).nullish(),
  /** Layers used more than once. */
  layer_replication: z.null().optional(),
  /** Tokens after which alone the adapter takes effect. */
  alora_invocation_tokens: z.null().optional(),
  /** The other ways (PiSSA, OLoRA, CorDA, LoftQ) change the decoder that the adapter belongs to. */
  init_lora_weights: z.union([z.boolean(), z.enum(['gaussian', 'eva', 'orthogonal'])]).nullish(),
});

const loraName = /^base_model\.model\.(.+)\.lora_([AB])\.weight$/;

/** A low-rank change of a matrix: `B [rows, rank] · A [rank, columns]`, scaled. */
export interface LoraPair {
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly rank: number;
  readonly scale: number;
}

/** A LoRA in PEFT's layout: `adapter_config.json` and `adapter_model.safetensors` of a folder. */
export class LoraFile {
  readonly sha256: string;
  readonly #scale: number;
  readonly #rank: number;
  readonly #tensors: SafetensorsFile;

  private constructor(scale: number, rank: number, tensors: SafetensorsFile, sha256: string) {
    this.#scale = scale;
    this.#rank = rank;
    this.#tensors = tensors;
    this.sha256 = sha256;
  }

  /** @throws AnchorageError naming the file and the field that is wrong. */
  static open(folder: string): LoraFile {
    const { lora_alpha: alpha, r } = readJson(join(folder, loraFileNames[0]), loraConfigSchema);
    const path = join(folder, loraFileNames[1]);
    return new LoraFile(alpha / r, r, SafetensorsFile.open(path), hashFile(path));
  }

  /**
   * Checks that every tensor belongs to a matrix of the decoder, and fits it.
   *
   * @param shapes the decoder's tensors.
   */
  checkAgainst(shapes: ReadonlyMap<string, readonly number[]>): void {
    for (const name of this.#tensors.names) {
      const match = loraName.exec(name);
      const target = match ? shapes.get(`${match[1]}.weight`) : undefined;
      if (!match || !target) throw this.#invalid(`the tensor ${name} belongs to no matrix of the decoder`);
      const [rows = 0, columns = 0] = target;
      const expected = match[2] === 'A' ? [this.#rank, columns] : [rows, this.#rank];
      const found = this.#tensors.shapeOf(name) ?? [];
      if (found.length !== 2 || found.some((size, i) => size !== expected[i])) {
        throw this.#invalid(`the tensor ${name} is ${found.join(' x ')}; the decoder needs ${expected.join(' x ')}`);
      }
      const partner = name.replace(/lora_[AB]\.weight$/, match[2] === 'A' ? 'lora_B.weight' : 'lora_A.weight');
      if (!this.#tensors.shapeOf(partner)) throw this.#invalid(`the tensor ${partner} is missing`);
    }
  }

  /** The change of a matrix, by the decoder's name of it; undefined when it is left alone. */
  pairFor(name: string): LoraPair | undefined {
    const prefix = `base_model.model.${name.replace(/\.weight$/, '')}`;
    if (!this.#tensors.shapeOf(`${prefix}.lora_A.weight`)) return undefined;
    const a = this.#tensors.read(`${prefix}.lora_A.weight`);
    return { a, b: this.#tensors.read(`${prefix}.lora_B.weight`), rank: this.#rank, scale: this.#scale };
  }

  close(): void {
    this.#tensors.close();
  }

  #invalid(problem: string): AnchorageError {
    return new AnchorageError(
      'fileInvalid',
      `${this.#tensors.path}: ${problem}.`,
      'Use the adapter with the decoder that it was trained on.',
    );
  }
}

/** Adds `scale · B · A` to a matrix `[rows, columns]` in place. */
export function addLora(matrix: Float32Array, columns: number, { a, b, rank, scale }: LoraPair): void {
  const rows = matrix.length / columns;
  for (let row = 0; row < rows; row++) {
    const target = matrix.subarray(row * columns, (row + 1) * columns);
    for (let k = 0; k < rank; k++) {
      const factor = scale * (b[row * rank + k] ?? 0);
      const source = k * columns;
      for (let column = 0; column < columns; column++)
        target[column] = (target[column] ?? 0) + factor * (a[source + column] ?? 0);
    }
  }
}
