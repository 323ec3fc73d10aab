import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AnchorConfig } from '../../../src/protocol/anchorConfig.ts';
import { randomNumbers, safetensorsBytes, type TinyDecoder } from './tinyDecoder.ts';

const rank = 4;
const alpha = 8;

/** A random adapter on disk, and the decoder with its changes merged in by plain loops. */
export function writeAdapter(
  folder: string,
  decoder: TinyDecoder,
  overrides: Partial<AnchorConfig> = {},
): { merged: TinyDecoder; embedding: Float32Array } {
  mkdirSync(folder, { recursive: true });
  const random = randomNumbers(11);
  const numbers = (count: number, scale: number) => Float32Array.from({ length: count }, () => random() * scale);
  const tensors = new Map<string, Float32Array>();
  const shapes = new Map<string, readonly number[]>();
  const merged = new Map(decoder.tensors);
  for (const [name, values] of decoder.tensors) {
    if (!name.endsWith('_proj.weight')) continue;
    const [rows = 0, columns = 0] = decoder.shapes.get(name) ?? [];
    const a = numbers(rank * columns, 0.1);
    const b = numbers(rows * rank, 0.1);
    const prefix = `base_model.model.${name.replace('.weight', '')}`;
    tensors.set(`${prefix}.lora_A.weight`, a).set(`${prefix}.lora_B.weight`, b);
    shapes.set(`${prefix}.lora_A.weight`, [rank, columns]).set(`${prefix}.lora_B.weight`, [rows, rank]);
    const changed = values.map((value, i) => {
      const row = Math.floor(i / columns);
      let delta = 0;
      for (let k = 0; k < rank; k++) delta += (b[row * rank + k] ?? 0) * (a[k * columns + (i % columns)] ?? 0);
      return value + (delta * alpha) / rank;
    });
    merged.set(name, changed);
  }
  const anchorConfig: AnchorConfig = {
    format_version: 1,
    scheme: 'mark',
    anchor_token_ids: [],
    choice: 'window',
    choices: ['stride', 'window', 'attention'],
    ratio: 8,
    ratios: [4, 8],
    anchors_see_anchors: true,
    positions: 'cache',
    independent_chunks: true,
    max_sequence_tokens: 128,
    base: { name: 'tiny', sha256: '0'.repeat(64) },
    ...overrides,
  };
  const rows = anchorConfig.scheme === 'AC' ? anchorConfig.anchor_token_ids.length : 1;
  const embedding = numbers(rows * decoder.config.hidden_size, 0.5);
  writeFileSync(join(folder, 'adapter_config.json'), JSON.stringify({ peft_type: 'LORA', r: rank, lora_alpha: alpha }));
  writeFileSync(join(folder, 'adapter_model.safetensors'), safetensorsBytes(tensors, shapes));
  const embeddingShapes = new Map([['anchor_embedding.weight', [rows, decoder.config.hidden_size]]]);
  const embeddings = new Map([['anchor_embedding.weight', embedding]]);
  writeFileSync(join(folder, 'anchor_embedding.safetensors'), safetensorsBytes(embeddings, embeddingShapes));
  writeFileSync(join(folder, 'anchor_config.json'), JSON.stringify(anchorConfig));
  return { merged: { ...decoder, tensors: merged }, embedding };
}
