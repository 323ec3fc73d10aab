import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { anchorConfigSchema, type AnchorConfig } from '../protocol/anchorConfig.ts';
import type { DecoderConfig } from '../protocol/decoderConfig.ts';
import { AnchorageError, messageOf } from '../protocol/errors.ts';
import type { AnchorEmbedding } from './decoderWeights.ts';
import { describeIssues } from './describeIssues.ts';
import { hashFile } from './hashFile.ts';
import { SafetensorsFile } from './safetensorsFile.ts';

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

/** An adapter folder: PEFT's LoRA files, the anchor embedding and `anchor_config.json`. */
export class Adapter {
  readonly folder: string;
  readonly anchorConfig: AnchorConfig;
  readonly sha256: string;
  readonly #scale: number;
  readonly #rank: number;
  readonly #lora: SafetensorsFile;

  private constructor(
    folder: string,
    anchorConfig: AnchorConfig,
    scale: number,
    rank: number,
    lora: SafetensorsFile,
    sha256: string,
  ) {
    this.folder = folder;
    this.anchorConfig = anchorConfig;
    this.#scale = scale;
    this.#rank = rank;
    this.#lora = lora;
    this.sha256 = sha256;
  }

  /** @throws AnchorageError naming the file and the field that is wrong. */
  static open(folder: string): Adapter {
    const lora = readJson(join(folder, 'adapter_config.json'), loraConfigSchema);
    const anchorConfig = readJson(join(folder, 'anchor_config.json'), anchorConfigSchema);
    const path = join(folder, 'adapter_model.safetensors');
    return new Adapter(
      folder,
      anchorConfig,
      lora.lora_alpha / lora.r,
      lora.r,
      SafetensorsFile.open(path),
      hashFile(path),
    );
  }

  /**
   * Checks that every tensor belongs to a matrix of the decoder, and fits it.
   *
   * @param shapes the decoder's tensors.
   */
  checkAgainst(shapes: ReadonlyMap<string, readonly number[]>): void {
    for (const name of this.#lora.names) {
      const match = loraName.exec(name);
      const target = match ? shapes.get(`${match[1]}.weight`) : undefined;
      if (!match || !target) throw this.#invalid(`the tensor ${name} belongs to no matrix of the decoder`);
      const [rows = 0, columns = 0] = target;
      const expected = match[2] === 'A' ? [this.#rank, columns] : [rows, this.#rank];
      const found = this.#lora.shapeOf(name) ?? [];
      if (found.length !== 2 || found.some((size, i) => size !== expected[i])) {
        throw this.#invalid(`the tensor ${name} is ${found.join(' x ')}; the decoder needs ${expected.join(' x ')}`);
      }
      const partner = name.replace(/lora_[AB]\.weight$/, match[2] === 'A' ? 'lora_B.weight' : 'lora_A.weight');
      if (!this.#lora.shapeOf(partner)) throw this.#invalid(`the tensor ${partner} is missing`);
    }
  }

  /** The change of a matrix, by the decoder's name of it; undefined when the adapter leaves it alone. */
  pairFor(name: string): LoraPair | undefined {
    const prefix = `base_model.model.${name.replace(/\.weight$/, '')}`;
    if (!this.#lora.shapeOf(`${prefix}.lora_A.weight`)) return undefined;
    const a = this.#lora.read(`${prefix}.lora_A.weight`);
    return { a, b: this.#lora.read(`${prefix}.lora_B.weight`), rank: this.#rank, scale: this.#scale };
  }

  /** The embedding of anchors that `mark` and `AC` need. */
  anchorEmbedding(config: DecoderConfig): AnchorEmbedding {
    const { scheme, anchor_token_ids: ids } = this.anchorConfig;
    if (scheme === 'select' || scheme === 'EP') return { kind: 'none' };
    const path = join(this.folder, 'anchor_embedding.safetensors');
    const file = SafetensorsFile.open(path);
    try {
      const [rows, columns] = file.shapeOf('anchor_embedding.weight') ?? [];
      const expected = scheme === 'mark' ? 1 : ids.length;
      if (rows !== expected || columns !== config.hidden_size) {
        throw new AnchorageError(
          'fileInvalid',
          `${path}: anchor_embedding.weight is ${rows ?? 0} x ${columns ?? 0}; it must be ${expected} x ${config.hidden_size}.`,
          'Use the adapter with the decoder that it was trained on.',
        );
      }
      const values = file.read('anchor_embedding.weight');
      if (scheme === 'mark') return { kind: 'mark', vector: values };
      if (ids.some((id, i) => id !== config.vocab_size + i)) {
        throw new AnchorageError(
          'fileInvalid',
          `${join(this.folder, 'anchor_config.json')}: anchor_token_ids must follow the vocabulary (${config.vocab_size}, …).`,
          'Use the adapter with the decoder that it was trained on.',
        );
      }
      return { kind: 'added', rows: values };
    } finally {
      file.close();
    }
  }

  close(): void {
    this.#lora.close();
  }

  #invalid(problem: string): AnchorageError {
    return new AnchorageError(
      'fileInvalid',
      `${this.#lora.path}: ${problem}.`,
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

/** A JSON file, parsed and checked. */
export function readJson<T>(path: string, schema: z.ZodType<T>): T {
  if (!existsSync(path)) throw new AnchorageError('fileUnreadable', `${path} does not exist.`, 'Check the folder.');
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new AnchorageError('fileInvalid', `${path} is not JSON: ${messageOf(error)}.`, 'Fetch the file again.', {
      cause: error,
    });
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    throw new AnchorageError(
      'fileInvalid',
      `${path}: ${describeIssues(parsed.error)}.`,
      'Correct the file, or fetch it again.',
    );
  }
  return parsed.data;
}
