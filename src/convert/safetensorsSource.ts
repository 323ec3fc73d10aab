import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { DecoderConfig } from '../protocol/decoderConfig.ts';
import { AnchorageError } from '../protocol/errors.ts';
import { readJson } from './readJson.ts';
import { hashFile } from './hashFile.ts';
import { readHuggingFaceConfig } from './huggingFaceConfig.ts';
import { pytorchRemedy } from './pytorchRemedy.ts';
import { readTokenizerFolder } from './tokenizerFolder.ts';
import { SafetensorsFile } from './safetensorsFile.ts';
import type { TokenizerFiles, WeightSource } from './weightSource.ts';

const indexSchema = z.object({
  weight_map: z.record(
    z.string(),
    z.string().regex(/^[A-Za-z0-9._-]+\.safetensors$/, 'is not the name of a safetensors file'),
  ),
});

/** A decoder in a folder as Hugging Face's libraries save it: config.json, tokenizer.json, one or more safetensors files. */
export class SafetensorsSource implements WeightSource {
  readonly path: string;
  readonly config: DecoderConfig;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly #files: readonly SafetensorsFile[];
  readonly #fileOf = new Map<string, SafetensorsFile>();

  constructor(folder: string) {
    this.path = folder;
    this.config = readHuggingFaceConfig(join(folder, 'config.json'));
    const files: SafetensorsFile[] = [];
    this.#files = files;
    const shapes = new Map<string, readonly number[]>();
    try {
      for (const name of weightFiles(folder)) {
        const file = SafetensorsFile.open(join(folder, name));
        files.push(file);
        for (const tensor of file.names) {
          this.#fileOf.set(tensor, file);
          shapes.set(tensor, file.shapeOf(tensor) ?? []);
        }
      }
    } catch (error) {
      this.close();
      throw error;
    }
    this.shapes = shapes;
  }

  read(name: string): Float32Array {
    const file = this.#fileOf.get(name);
    if (!file)
      throw new AnchorageError(
        'fileInvalid',
        `${this.path}: the tensor ${name} is missing.`,
        'Fetch the decoder again.',
      );
    return file.read(name);
  }

  tokenizerFiles(): TokenizerFiles {
    return readTokenizerFolder(this.path, this.config);
  }

  /** Of the file when there is one, else of the list of the files' hashes and names. */
  sha256(): string {
    const hashes = this.#files.map((file) => hashFile(file.path));
    if (hashes.length === 1) return hashes[0] ?? '';
    const list = this.#files.map((file, i) => `${hashes[i]}  ${file.path.slice(this.path.length + 1)}\n`).join('');
    return createHash('sha256').update(list).digest('hex');
  }

  close(): void {
    for (const file of this.#files) file.close();
  }
}

function weightFiles(folder: string): string[] {
  const index = join(folder, 'model.safetensors.index.json');
  if (existsSync(index)) return [...new Set(Object.values(readJson(index, indexSchema).weight_map))].sort();
  if (existsSync(join(folder, 'model.safetensors'))) return ['model.safetensors'];
  const pickled = readdirSync(folder).find((name) => /^pytorch_model.*\.bin$/.test(name));
  if (pickled !== undefined) {
    throw new AnchorageError(
      'unsupported',
      `${folder} holds its weights as a PyTorch pickle (${pickled}), which is not read.`,
      pytorchRemedy(folder),
    );
  }
  throw new AnchorageError(
    'fileUnreadable',
    `${folder} holds neither model.safetensors nor model.safetensors.index.json.`,
    'Give a folder as Hugging Face saves it, or a .gguf file.',
  );
}
