import type { ExternalData } from './externalData.ts';
import type { Attribute, ElementType, Initializer, Model, Node, Port, TensorData } from './onnxModel.ts';

/** Operators of onnxruntime's own domain that the graphs use. */
const runtimeOperators: ReadonlySet<string> = new Set([
  'FusedMatMul',
  'GatherBlockQuantized',
  'GroupQueryAttention',
  'MatMulNBits',
  'RotaryEmbedding',
  'SkipSimplifiedLayerNormalization',
]);
const runtimeDomain = 'com.microsoft';
const opsets = { '': 21, [runtimeDomain]: 1 };
/** Tensors up to this size stay in the model file, where shape inference can read them. */
const inlineBytes = 1024;

type Numbers = Float32Array | Uint8Array | BigInt64Array;

/** What a graph is written for: devices lack some of the operators that are the fastest on the CPU. */
export type GraphTarget = 'cpu' | 'device';

/** Collects the nodes and initializers of one graph; every operator gives the name of its output. */
export class GraphBuilder {
  readonly target: GraphTarget;
  readonly #name: string;
  readonly #data: ExternalData;
  readonly #nodes: Node[] = [];
  readonly #initializers: Initializer[] = [];
  readonly #inputs: Port[] = [];
  readonly #outputs: Port[] = [];
  readonly #constants = new Map<string, string>();
  #values = 0;

  constructor(name: string, data: ExternalData, target: GraphTarget = 'cpu') {
    this.#name = name;
    this.#data = data;
    this.target = target;
  }

  input(name: string, type: ElementType, shape: readonly (number | string)[]): string {
    this.#inputs.push({ name, type, shape });
    return name;
  }

  /** Makes `value` a graph output of that name. */
  output(name: string, value: string, type: ElementType, shape: readonly (number | string)[]): void {
    this.#outputs.push({ name, type, shape });
    this.#nodes.push({ operator: 'Identity', domain: '', inputs: [value], outputs: [name], attributes: {} });
  }

  /** Names a graph output that an operator makes (`opInto`). */
  outputPort(name: string, type: ElementType, shape: readonly (number | string)[]): void {
    this.#outputs.push({ name, type, shape });
  }

  /** A constant list of integers; equal ones are stored once. */
  int64(...values: number[]): string {
    const key = values.join(',');
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const name = this.tensor('int64', [values.length], BigInt64Array.from(values, BigInt));
    this.#constants.set(key, name);
    return name;
  }

  /** An initializer; large ones go to the external data. */
  tensor(type: ElementType, shape: readonly number[], values: Numbers): string {
    return this.sharedTensor(type, shape, this.store(values));
  }

  /** Writes bytes that more than one initializer refers to. */
  store(values: Numbers): TensorData {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    return bytes.length > inlineBytes ? this.#data.append(bytes) : { kind: 'inline', bytes };
  }

  /** An initializer over stored bytes: those at their start, when the shape asks for fewer than there are. */
  sharedTensor(type: ElementType, shape: readonly number[], stored: TensorData): string {
    const length = shape.reduce((product, size) => product * size, elementBytes[type]);
    const data: TensorData =
      stored.kind === 'inline' ? { kind: 'inline', bytes: stored.bytes.subarray(0, length) } : { ...stored, length };
    const name = this.#newName('t');
    this.#initializers.push({ name, type, shape, data });
    return name;
  }

  /** An operator with one output. */
  op(operator: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}): string {
    const output = this.#newName('v');
    this.#add(operator, inputs, [output], attributes);
    return output;
  }

  /** An operator with two outputs. */
  pair(
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): [string, string] {
    const outputs: [string, string] = [this.#newName('v'), this.#newName('v')];
    this.#add(operator, inputs, outputs, attributes);
    return outputs;
  }

  /** An operator whose outputs have the given names; an empty one is not made. */
  opInto(
    outputs: readonly string[],
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): void {
    this.#add(operator, inputs, outputs, attributes);
  }

  /** `x [1, S, columns]` times the transpose of `weight [rows, columns]`. */
  timesTransposed(x: string, weight: string, rows: number, columns: number): string {
    if (this.target === 'cpu') return this.op('FusedMatMul', [x, weight], { transB: 1 });
    const flat = this.op('Reshape', [x, this.int64(-1, columns)]);
    return this.op('Reshape', [this.op('Gemm', [flat, weight], { transB: 1 }), this.int64(1, -1, rows)]);
  }

  /** Cuts an axis, the last one by default, into pieces of the given sizes. */
  split(value: string, sizes: readonly number[], axis = -1): string[] {
    const outputs = sizes.map(() => this.#newName('v'));
    this.#add('Split', [value, this.int64(...sizes)], outputs, { axis });
    return outputs;
  }

  /** `x + y` and its root-mean-square norm in one operator. */
  addAndNorm(x: string, y: string, weight: string, epsilon: number): { sum: string; normed: string } {
    const sum = this.#newName('v');
    const normed = this.#newName('v');
    this.#add('SkipSimplifiedLayerNormalization', [x, y, weight], [normed, '', '', sum], {
      epsilon: { float: epsilon },
    });
    return { sum, normed };
  }

  model(producer: string): Model {
    return {
      name: this.#name,
      producer,
      opsets,
      nodes: this.#nodes,
      initializers: this.#initializers,
      inputs: this.#inputs,
      outputs: this.#outputs,
    };
  }

  #add(
    operator: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>>,
  ): void {
    const domain = runtimeOperators.has(operator) ? runtimeDomain : '';
    this.#nodes.push({ operator, domain, inputs, outputs, attributes });
  }

  #newName(prefix: string): string {
    return `${prefix}${this.#values++}`;
  }
}

const elementBytes: Readonly<Record<ElementType, number>> = {
  float: 4,
  float16: 2,
  uint8: 1,
  int8: 1,
  int32: 4,
  int64: 8,
  bool: 1,
};
