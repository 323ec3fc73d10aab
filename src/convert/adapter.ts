import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { anchorConfigSchema, type AnchorConfig } from '../protocol/anchorConfig.ts';
import type { DecoderConfig } from '../protocol/decoderConfig.ts';
import { AnchorageError } from '../protocol/errors.ts';
import type { AnchorEmbedding } from './decoderWeights.ts';
import { hashFile } from './hashFile.ts';
import { LoraFile, loraFileNames } from './loraFile.ts';
import { readJson } from './readJson.ts';
import { SafetensorsFile } from './safetensorsFile.ts';
import { readScorer, scorerFileName, type ScorerWeights } from './scorerFile.ts';

const onAnchorsFolder = 'anchors';

/**
 * An adapter folder: `anchor_config.json`, the anchor embedding, a scorer where `learned` is among the choices, and one LoRA or two in
 * PEFT's layout: the folder's own is for all tokens, that in `anchors/` for anchors alone.
 */
export class Adapter {
  readonly folder: string;
  readonly anchorConfig: AnchorConfig;
  readonly forAll: LoraFile | null;
  readonly onAnchors: LoraFile | null;

  private constructor(folder: string, anchorConfig: AnchorConfig, forAll: LoraFile | null, onAnchors: LoraFile | null) {
    this.folder = folder;
    this.anchorConfig = anchorConfig;
    this.forAll = forAll;
    this.onAnchors = onAnchors;
  }

  /** @throws AnchorageError naming the file and the field that is wrong. */
  static open(folder: string): Adapter {
    const anchorConfig = readJson(join(folder, 'anchor_config.json'), anchorConfigSchema);
    const inner = join(folder, onAnchorsFolder);
    const hasInner = existsSync(inner);
    if (hasInner && anchorConfig.scheme !== 'mark') {
      throw new AnchorageError(
        'fileInvalid',
        `${inner}: a LoRA on anchors alone is for the scheme mark; anchor_config.json says ${anchorConfig.scheme}.`,
        'Train it with the scheme mark, or remove the folder.',
      );
    }
    const isOwnLeftOut = hasInner && loraFileNames.every((name) => !existsSync(join(folder, name)));
    const forAll = isOwnLeftOut ? null : LoraFile.open(folder);
    try {
      return new Adapter(folder, anchorConfig, forAll, hasInner ? LoraFile.open(inner) : null);
    } catch (error) {
      forAll?.close();
      throw error;
    }
  }

  /** Of the one LoRA's tensors; of both their hashes in turn. */
  get sha256(): string {
    const [first = '', ...others] = this.#loras.map((lora) => lora.sha256);
    return others.length === 0
      ? first
      : createHash('sha256')
          .update([first, ...others].join('\n'))
          .digest('hex');
  }

  /** Name and SHA-256 of every file that a package is built from. */
  static hashes(folder: string): string[] {
    const loras = [...loraFileNames, ...loraFileNames.map((name) => `${onAnchorsFolder}/${name}`)];
    return [...loras, 'anchor_config.json', 'anchor_embedding.safetensors', scorerFileName]
      .filter((file) => existsSync(join(folder, file)))
      .map((file) => `${file} ${hashFile(join(folder, file))}`);
  }

  /**
   * Checks that every tensor belongs to a matrix of the decoder, and fits it.
   *
   * @param shapes the decoder's tensors.
   */
  checkAgainst(shapes: ReadonlyMap<string, readonly number[]>): void {
    for (const lora of this.#loras) lora.checkAgainst(shapes);
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

  /** The scorer of the choice `learned`; null where the adapter does not declare it. */
  scorer(config: DecoderConfig): ScorerWeights | null {
    if (!this.anchorConfig.choices.includes('learned')) return null;
    return readScorer(join(this.folder, scorerFileName), config);
  }

  close(): void {
    for (const lora of this.#loras) lora.close();
  }

  get #loras(): readonly LoraFile[] {
    return [this.forAll, this.onAnchors].filter((lora) => lora !== null);
  }
}
