import type { DecoderConfig } from '../protocol/decoderConfig.ts';
import { dequantise } from './dequantise.ts';
import { readGgufConfig } from './ggufConfig.ts';
import { GgufFile } from './ggufFile.ts';
import { ggufTokenizerFiles } from './ggufTokenizer.ts';
import { hashFile } from './hashFile.ts';
import type { TokenizerFiles, WeightSource } from './weightSource.ts';

const layerNames: ReadonlyMap<string, string> = new Map([
  ['attn_norm', 'input_layernorm'],
  ['attn_q', 'self_attn.q_proj'],
  ['attn_k', 'self_attn.k_proj'],
  ['attn_v', 'self_attn.v_proj'],
  ['attn_q_norm', 'self_attn.q_norm'],
  ['attn_k_norm', 'self_attn.k_norm'],
  ['attn_output', 'self_attn.o_proj'],
  ['ffn_norm', 'post_attention_layernorm'],
  ['ffn_gate', 'mlp.gate_proj'],
  ['ffn_up', 'mlp.up_proj'],
  ['ffn_down', 'mlp.down_proj'],
]);
const topNames: ReadonlyMap<string, string> = new Map([
  ['token_embd', 'model.embed_tokens'],
  ['output_norm', 'model.norm'],
  ['output', 'lm_head'],
]);

/** Hugging Face's name of a GGUF tensor; unknown names stay, so that the graph builder can refuse them. */
export function huggingFaceName(name: string): string {
  const layer = /^blk\.(\d+)\.([a-z_]+)\.(weight|bias)$/.exec(name);
  if (layer) {
    const part = layerNames.get(layer[2] ?? '');
    return part === undefined ? name : `model.layers.${layer[1]}.${part}.${layer[3]}`;
  }
  const top = /^([a-z_]+)\.(weight|bias)$/.exec(name);
  const part = topNames.get(top?.[1] ?? '');
  return top && part !== undefined ? `${part}.${top[2]}` : name;
}

/** A decoder in a GGUF file. */
export class GgufSource implements WeightSource {
  readonly path: string;
  readonly config: DecoderConfig;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly #gguf: GgufFile;
  readonly #ggufNames = new Map<string, string>();

  constructor(path: string) {
    this.path = path;
    this.#gguf = GgufFile.open(path);
    try {
      this.config = readGgufConfig(this.#gguf);
      const shapes = new Map<string, readonly number[]>();
      for (const tensor of this.#gguf.tensors.values()) {
        // Its content is in the configuration already.
        if (tensor.name === 'rope_freqs.weight') continue;
        const name = huggingFaceName(tensor.name);
        this.#ggufNames.set(name, tensor.name);
        shapes.set(name, tensor.shape);
      }
      this.shapes = shapes;
    } catch (error) {
      this.#gguf.close();
      throw error;
    }
  }

  read(name: string): Float32Array {
    const tensor = this.#gguf.tensors.get(this.#ggufNames.get(name) ?? '');
    if (!tensor) throw this.#gguf.file.invalid(`the tensor ${name} is missing`);
    const values = dequantise(tensor.type, this.#gguf.file.read(tensor.offset, tensor.bytes, `tensor ${tensor.name}`));
    // Only the writers of these architectures interleave the rotary pairs; Qwen's files keep Hugging Face's order.
    if (this.config.model_type !== 'llama' && this.config.model_type !== 'mistral') return values;
    if (/self_attn\.q_proj\./.test(name))
      return unpermute(values, this.config.num_attention_heads, this.config.head_dim);
    if (/self_attn\.k_proj\./.test(name))
      return unpermute(values, this.config.num_key_value_heads, this.config.head_dim);
    return values;
  }

  tokenizerFiles(): TokenizerFiles {
    return ggufTokenizerFiles(this.#gguf, this.config);
  }

  sha256(): string {
    return hashFile(this.path);
  }

  close(): void {
    this.#gguf.close();
  }
}

/**
 * Restores Hugging Face's order of the rows of a query or key projection, `[heads * headDim, in]` (or `[heads * headDim]`, a bias).
 *
 * llama.cpp rotates neighbouring rows (2i, 2i + 1), Hugging Face rows (i, i + headDim / 2): within a head, row 2i goes to i
 * and row 2i + 1 to i + headDim / 2.
 */
export function unpermute(values: Float32Array, heads: number, headDim: number): Float32Array {
  const columns = values.length / (heads * headDim);
  const restored = new Float32Array(values.length);
  for (let head = 0; head < heads; head++) {
    for (let row = 0; row < headDim; row++) {
      const from = (head * headDim + row) * columns;
      const to = (head * headDim + (row >> 1) + (row & 1) * (headDim / 2)) * columns;
      restored.set(values.subarray(from, from + columns), to);
    }
  }
  return restored;
}
