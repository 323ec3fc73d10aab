import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { DecoderConfig } from '../../src/protocol/decoderConfig.ts';

/** What an operator of the "split" graph does, in the words of a decoder. */
export type Part =
  | 'queries, keys, values'
  | 'attention output'
  | 'gate and up'
  | 'down'
  | 'output layer'
  | 'attention over the past'
  | 'attention over the new tokens'
  | 'half to single precision'
  | 'softmax'
  | 'rotation'
  | 'norms'
  | 'activation'
  | 'copies and shapes'
  | 'embedding and the rest';

/** One operator of one run. */
export interface TracedOperator {
  readonly operator: string;
  /** Shapes of its inputs. */
  readonly shapes: readonly (readonly number[])[];
  readonly microseconds: number;
}

const eventsSchema = z.array(
  z.object({
    cat: z.string(),
    name: z.string(),
    dur: z.number(),
    args: z
      .object({
        op_name: z.string().optional(),
        input_type_shape: z.array(z.record(z.string(), z.array(z.number()))).optional(),
      })
      .optional(),
  }),
);

/** The operators of the last `runs` runs in a trace that onnxruntime wrote, which may have had others before. */
export async function readTrace(path: string, runs: number): Promise<TracedOperator[]> {
  const events = eventsSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  const ends = events.flatMap(({ name }, i) => (name === 'model_run' ? [i] : []));
  const first = (ends.at(-runs - 1) ?? -1) + 1;
  return events.slice(first, (ends.at(-1) ?? -1) + 1).flatMap(({ cat, name, dur, args }) => {
    if (cat !== 'Node' || !name.endsWith('_kernel_time') || args?.op_name === undefined) return [];
    const shapes = (args.input_type_shape ?? []).map((typed) => Object.values(typed)[0] ?? []);
    return [{ operator: args.op_name, shapes, microseconds: dur }];
  });
}

const partOf: Readonly<Record<string, Part>> = {
  Cast: 'half to single precision',
  Softmax: 'softmax',
  RotaryEmbedding: 'rotation',
  SimplifiedLayerNormalization: 'norms',
  SkipSimplifiedLayerNormalization: 'norms',
  QuickGelu: 'activation',
  Sigmoid: 'activation',
  Mul: 'activation',
  Reshape: 'copies and shapes',
  Split: 'copies and shapes',
  Concat: 'copies and shapes',
  Transpose: 'copies and shapes',
  Slice: 'copies and shapes',
  Add: 'copies and shapes',
  ReduceMax: 'copies and shapes',
};

/** @param past rows that the runs had cached. */
export function partFor({ operator, shapes }: TracedOperator, config: DecoderConfig, past: number): Part {
  if (operator === 'MatMulNBits') return productPart(shapes[1]?.[0] ?? 0, (shapes[0] ?? []).at(-1) ?? 0, config);
  if (operator !== 'FusedMatMul') return partOf[operator] ?? 'embedding and the rest';
  // Weights in single precision have two axes, keys and values three.
  const [rows = 0, columns = 0] = shapes[1] ?? [];
  if (shapes[1]?.length === 2) return productPart(rows, columns, config);
  return rows === past ? 'attention over the past' : 'attention over the new tokens';
}

function productPart(outputs: number, inputs: number, config: DecoderConfig): Part {
  const { num_attention_heads: heads, num_key_value_heads: kvHeads, head_dim: width } = config;
  if (outputs === config.vocab_size) return 'output layer';
  if (outputs === 2 * config.intermediate_size) return 'gate and up';
  if (inputs === config.intermediate_size) return 'down';
  return outputs === (heads + 2 * kvHeads) * width ? 'queries, keys, values' : 'attention output';
}

export interface PartTime {
  readonly part: Part;
  /** Milliseconds of one run. */
  readonly ms: number;
  /** Operators of one run. */
  readonly operators: number;
}

/** Where `runs` runs spent their time, the longest first. */
export function sumByPart(
  operators: readonly TracedOperator[],
  config: DecoderConfig,
  past: number,
  runs: number,
): PartTime[] {
  const sums = new Map<Part, { ms: number; operators: number }>();
  for (const each of operators) {
    const part = partFor(each, config, past);
    const sum = sums.get(part) ?? { ms: 0, operators: 0 };
    sums.set(part, { ms: sum.ms + each.microseconds / 1000 / runs, operators: sum.operators + 1 / runs });
  }
  return [...sums].map(([part, sum]) => ({ part, ...sum })).sort((a, b) => b.ms - a.ms);
}
