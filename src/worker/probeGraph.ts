import { encodeModel, type Node, type Initializer, type Port } from '../convert/onnxModel.ts';
import { Random } from '../engine/random.ts';

const vocabulary = 64;
const hidden = 64;
const heads = 4;
const kvHeads = 2;
const headDim = 16;
const wide = 128;
const positions = 512;
const block = 32;
const int32 = 6;
const runtimeDomain = 'com.microsoft';

/** Values of one run's inputs, by name. */
export interface ProbeInput {
  readonly type: 'int64' | 'float32';
  readonly dims: readonly number[];
  readonly values: readonly number[];
}

/** A run that providers are compared by: so many new tokens over so many cached rows. */
export interface ProbeRun {
  readonly tokens: number;
  readonly past: number;
}

/** A decode step, a prefill group of the usual size and one of the largest: kernels are chosen by the number of tokens. */
export const probeRuns: readonly ProbeRun[] = [
  { tokens: 1, past: 40 },
  { tokens: 64, past: 16 },
  { tokens: 256, past: 16 },
];

/**
 * A decoder of one layer with random weights, in the operators that graphs for a GPU are made of: gathering from a
 * table, RMS norms, 4-bit matrix products, rotary positions, grouped-query attention under a mask, and the gated unit.
 * Its output is `logits` [1, S, 64].
 */
export function probeGraph(): Uint8Array {
  const random = new Random(5);
  const initializers: Initializer[] = [];
  const nodes: Node[] = [];
  const add = (operator: string, domain: string, inputs: string[], outputs: string[], attributes = {}): string => {
    nodes.push({ operator, domain, inputs, outputs, attributes });
    return outputs[0] ?? '';
  };
  const tensor = (name: string, type: 'float' | 'uint8' | 'int64', shape: number[], values: Values): string => {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    initializers.push({ name, type, shape, data: { kind: 'inline', bytes } });
    return name;
  };
  const floats = (name: string, shape: number[], scale: number, offset = 0): string =>
    tensor(
      name,
      'float',
      shape,
      filled(shape, () => offset + scale * (2 * random.next() - 1)),
    );
  const product = (name: string, x: string, rows: number, columns: number): string => {
    const blocks = columns / block;
    const codes = Uint8Array.from({ length: (rows * columns) / 2 }, () => Math.floor(256 * random.next()));
    const packed = tensor(`${name}_codes`, 'uint8', [rows, blocks, block / 2], codes);
    const scales = floats(`${name}_scales`, [rows, blocks], 0.01, 0.03);
    // Activations in full precision, so that the CPU's own rounding does not blur the comparison.
    const attributes = { N: rows, K: columns, bits: 4, block_size: block, accuracy_level: 1 };
    return add('MatMulNBits', runtimeDomain, [x, packed, scales], [name], attributes);
  };
  const epsilon = { float: 1e-5 };
  const angles = (of: (angle: number) => number): Float32Array =>
    Float32Array.from({ length: (positions * headDim) / 2 }, (_, i) => {
      const half = headDim / 2;
      return of(Math.floor(i / half) * 10_000 ** (-(i % half) / half));
    });
  const cos = tensor('cos', 'float', [positions, headDim / 2], angles(Math.cos));
  const sin = tensor('sin', 'float', [positions, headDim / 2], angles(Math.sin));

  const embedded = add('Gather', '', [floats('table', [vocabulary, hidden], 1), 'input_ids'], ['embedded'], {
    axis: 0,
  });
  const normed = add('SimplifiedLayerNormalization', '', [embedded, floats('norm1', [hidden], 0.2, 1)], ['normed'], {
    axis: -1,
    epsilon,
    stash_type: 1,
  });
  const widths = [heads * headDim, kvHeads * headDim, kvHeads * headDim];
  const sizes = tensor('sizes', 'int64', [3], BigInt64Array.from(widths, BigInt));
  const projected = product('projected', normed, (heads + 2 * kvHeads) * headDim, hidden);
  add('Split', '', [projected, sizes], ['q', 'k', 'v'], { axis: -1 });
  for (const part of ['q', 'k'])
    add('RotaryEmbedding', runtimeDomain, [part, 'position_ids', cos, sin], [`${part}_rotated`]);
  for (const name of ['last_row', 'total']) add('Cast', '', [name], [`${name}_32`], { to: int32 });
  const attended = add(
    'GroupQueryAttention',
    runtimeDomain,
    ['q_rotated', 'k_rotated', 'v', 'past_key', 'past_value', 'last_row_32', 'total_32', '', '', '', 'attention_bias'],
    ['attended', 'present_key', 'present_value'],
    { num_heads: heads, kv_num_heads: kvHeads, do_rotary: 0 },
  );
  add(
    'SkipSimplifiedLayerNormalization',
    runtimeDomain,
    [product('joined', attended, hidden, heads * headDim), embedded, floats('norm2', [hidden], 0.2, 1)],
    ['normed2', '', '', 'residual'],
    { epsilon },
  );
  const gate = product('gate', 'normed2', wide, hidden);
  const open = add('Mul', '', [gate, add('Sigmoid', '', [gate], ['sigmoid'])], ['open']);
  const unit = add('Mul', '', [open, product('up', 'normed2', wide, hidden)], ['unit']);
  const sum = add('Add', '', ['residual', product('down', unit, hidden, wide)], ['sum']);
  add('MatMul', '', [sum, floats('head', [hidden, vocabulary], 0.2)], ['logits']);

  const input = (name: string, type: Port['type'], shape: Port['shape']): Port => ({ name, type, shape });
  const cached = [1, kvHeads, 'past', headDim];
  return encodeModel({
    name: 'probe',
    producer: 'anchorage',
    opsets: { '': 21, [runtimeDomain]: 1 },
    nodes,
    initializers,
    inputs: [
      input('input_ids', 'int64', [1, 'tokens']),
      input('position_ids', 'int64', [1, 'tokens']),
      input('past_key', 'float', cached),
      input('past_value', 'float', cached),
      input('last_row', 'int64', [1]),
      input('total', 'int64', [1]),
      input('attention_bias', 'float', [1, 1, 'tokens', 'rows']),
    ],
    outputs: [{ name: 'logits', type: 'float', shape: [1, 'tokens', vocabulary] }],
  });
}

/** Inputs of a run: random tokens and rows, every third row masked as a reduced sequence's would be. */
export function probeInputs({ tokens, past }: ProbeRun): Readonly<Record<string, ProbeInput>> {
  const random = new Random(7);
  const rows = past + tokens;
  const cached = (): ProbeInput => {
    const dims = [1, kvHeads, past, headDim];
    return { type: 'float32', dims, values: [...filled(dims, () => 2 * random.next() - 1)] };
  };
  const ids = Array.from({ length: tokens }, () => Math.floor(vocabulary * random.next()));
  const bias = Array.from({ length: tokens * rows }, (_, i) => {
    const row = i % rows;
    const isSeen = row < past ? row % 3 !== 1 : row - past <= Math.floor(i / rows);
    return isSeen ? 0 : -1e9;
  });
  return {
    input_ids: { type: 'int64', dims: [1, tokens], values: ids },
    position_ids: { type: 'int64', dims: [1, tokens], values: ids.map((_, i) => past + i) },
    past_key: cached(),
    past_value: cached(),
    last_row: { type: 'int64', dims: [1], values: [rows - 1] },
    total: { type: 'int64', dims: [1], values: [rows] },
    attention_bias: { type: 'float32', dims: [1, 1, tokens, rows], values: bias },
  };
}

type Values = Float32Array | Uint8Array | BigInt64Array;

function filled(shape: readonly number[], next: () => number): Float32Array {
  const length = shape.reduce((product, size) => product * size, 1);
  return Float32Array.from({ length }, next);
}
