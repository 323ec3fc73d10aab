import type { DecoderConfig } from '../protocol/decoderConfig.ts';
import { AnchorageError } from '../protocol/errors.ts';
import { SafetensorsFile } from './safetensorsFile.ts';

export const scorerFileName = 'anchor_scorer.safetensors';

/** The learned scorer: `output · silu(weight · values + bias)` of a token's values in all layers, layer by layer. */
export interface ScorerWeights {
  /** [hidden, layers * kv_heads * head_dim] */
  readonly weight: Float32Array;
  /** [hidden] */
  readonly bias: Float32Array;
  /** [1, hidden] */
  readonly output: Float32Array;
}

/** @throws AnchorageError `fileUnreadable` or `fileInvalid`, naming the tensor that does not fit the decoder. */
export function readScorer(path: string, config: DecoderConfig): ScorerWeights {
  const file = SafetensorsFile.open(path);
  try {
    const [hidden = 0] = file.shapeOf('hidden.bias') ?? [];
    const inputs = config.num_hidden_layers * config.num_key_value_heads * config.head_dim;
    const read = (name: string, ...shape: readonly number[]): Float32Array => {
      const found = file.shapeOf(name) ?? [];
      if (found.join() !== shape.join() || hidden === 0) {
        throw new AnchorageError(
          'fileInvalid',
          `${path}: ${name} is ${found.join(' x ') || 'missing'}; the decoder needs ${shape.join(' x ')}.`,
          'Use the adapter with the decoder that it was trained on, or train the scorer again.',
        );
      }
      return file.read(name);
    };
    return {
      weight: read('hidden.weight', hidden, inputs),
      bias: read('hidden.bias', hidden),
      output: read('output.weight', 1, hidden),
    };
  } finally {
    file.close();
  }
}
