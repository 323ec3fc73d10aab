import type { InferenceSession } from 'onnxruntime-node';
import { AnchorageError } from '../protocol/errors.ts';
import type { KvPrecision } from './kvNumbers.ts';
import type { ModelPackage } from './modelPackage.ts';

/** Names of the inputs that exist once per layer. */
export const inputName = {
  pastKey: (layer: number): string => `past_key.${layer}`,
  pastValue: (layer: number): string => `past_value.${layer}`,
  recentValue: (layer: number): string => `recent_value.${layer}`,
} as const;

/** The type of a graph's cached rows. */
export function pastPrecision({ inputMetadata }: Pick<InferenceSession, 'inputMetadata'>): KvPrecision {
  const past = inputMetadata.find(({ name }) => name === inputName.pastKey(0));
  return past?.isTensor === true && past.type === 'float16' ? 'float16' : 'float32';
}

/**
 * Checks that a graph takes and gives what the engine feeds and fetches: onnxruntime would end the process, or answer
 * nonsense, on a graph of other shapes.
 *
 * @throws AnchorageError `fileInvalid` that names the graph and the tensor.
 */
export function checkGraph(path: string, session: InferenceSession, pkg: ModelPackage): void {
  const { config, anchors } = pkg;
  const past = [null, config.num_key_value_heads, config.head_dim];
  const inputs = new Map<string, readonly (number | null)[]>([
    ['input_ids', [null, null]],
    ['position_ids', [null, null]],
    ['attention_bias', [null, null]],
    ['logit_indices', [null]],
    ['want_scores', [1]],
  ]);
  if (anchors.scheme === 'mark') inputs.set('anchor_mark', [null, null]);
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    inputs.set(inputName.pastKey(layer), past);
    inputs.set(inputName.pastValue(layer), past);
    inputs.set(inputName.recentValue(layer), past);
  }
  const outputs = new Map<string, readonly (number | null)[]>([
    ['logits', [null, config.vocab_size]],
    ['new_key_values', [2 * config.num_hidden_layers, null, config.num_key_value_heads * config.head_dim]],
    ['attention_scores', []],
  ]);
  compare(path, 'input', inputs, session.inputMetadata, true);
  compare(path, 'output', outputs, session.outputMetadata, false);
  checkRowTypes(path, session);
}

/** As `checkGraph`, for the learned scorer. */
export function checkScorer(path: string, session: InferenceSession, { config }: Pick<ModelPackage, 'config'>): void {
  const rows = [2 * config.num_hidden_layers, null, config.num_key_value_heads * config.head_dim];
  compare(path, 'input', new Map([['key_values', rows]]), session.inputMetadata, true);
  compare(path, 'output', new Map([['scores', [null]]]), session.outputMetadata, false);
}

/** The rows that go in and those that come out are of one type, and it is one that a cache can hold. */
function checkRowTypes(path: string, session: InferenceSession): void {
  const wanted = pastPrecision(session);
  for (const value of [...session.inputMetadata, ...session.outputMetadata]) {
    if (
      !value.isTensor ||
      !/^((past_key|past_value|recent_value)\.|new_key_values$)/.test(value.name) ||
      value.type === wanted
    )
      continue;
    throw new AnchorageError(
      'fileInvalid',
      `${path}: ${value.name} is of type ${value.type} where ${wanted} is expected.`,
      'Convert the model again.',
    );
  }
}

/**
 * As `checkGraph`, for a variant's graph for devices.
 *
 * @throws AnchorageError `fileInvalid` that names the graph and the tensor.
 */
export function checkDeviceGraph(path: string, session: InferenceSession, { config, anchors }: ModelPackage): void {
  const rows = [1, config.num_key_value_heads, null, config.head_dim];
  const inputs = new Map<string, readonly (number | null)[]>([
    ['input_ids', [null, null]],
    ['position_ids', [null, null]],
    ['attention_bias', [1, 1, null, null]],
    ['logit_indices', [null]],
    ['last_row', [1]],
    ['total_rows', [1]],
  ]);
  if (anchors.scheme === 'mark') inputs.set('anchor_mark', [null, null]);
  const outputs = new Map<string, readonly (number | null)[]>([['logits', [null, config.vocab_size]]]);
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    for (const part of ['key', 'value']) {
      inputs.set(`past_${part}.${layer}`, rows);
      outputs.set(`present_${part}.${layer}`, rows);
    }
    outputs.set(`query.${layer}`, [null, null, config.num_attention_heads * config.head_dim]);
  }
  compare(path, 'input', inputs, session.inputMetadata, true);
  compare(path, 'output', outputs, session.outputMetadata, false);
}

/** `null` stands for a dimension that varies; an empty shape for any shape. */
function compare(
  path: string,
  kind: 'input' | 'output',
  wanted: ReadonlyMap<string, readonly (number | null)[]>,
  found: readonly InferenceSession.ValueMetadata[],
  exactly: boolean,
): void {
  const invalid = (problem: string): AnchorageError =>
    new AnchorageError('fileInvalid', `${path}: ${problem}.`, 'Convert the model again.');
  const byName = new Map(found.map((each) => [each.name, each]));
  for (const [name, shape] of wanted) {
    const value = byName.get(name);
    if (value === undefined || !value.isTensor) throw invalid(`it has no ${kind} ${name}`);
    const isWrong = shape.some((size, i) => {
      const there = value.shape[i];
      return size !== null && typeof there === 'number' && there !== size;
    });
    if (isWrong || (shape.length > 0 && value.shape.length !== shape.length)) {
      const expected = shape.map((size) => size ?? '*').join(', ');
      throw invalid(`${kind} ${name} has shape [${value.shape.join(', ')}] where [${expected}] is expected`);
    }
  }
  const unknown = exactly ? found.find((each) => !wanted.has(each.name)) : undefined;
  if (unknown !== undefined) throw invalid(`it has an unknown ${kind} ${unknown.name}`);
}
