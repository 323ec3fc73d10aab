import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { AnchorageError, messageOf } from '../protocol/errors.ts';
import type { Variant } from '../protocol/packageManifest.ts';
import type { DecoderWeights } from './decoderWeights.ts';
import { GraphRunner } from './graphRunner.ts';
import type { TokenizerFiles } from './weightSource.ts';

/** A variant's logits against the reference's, over the positions of a fixed text. */
export interface VariantReport {
  readonly variant: Variant;
  readonly positions: number;
  /** Share of the positions with the same likeliest token. */
  readonly sameTop: number;
  /** Mean Kullback-Leibler divergence from the reference, in nats. */
  readonly divergence: number;
  /** Largest difference of a logit. */
  readonly largestDifference: number;
}

export interface VerifyOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onVerified?: (variant: Variant, done: number) => void;
}

/** Mean divergences above which a variant is broken rather than merely rounded. */
const mostDivergence: Readonly<Record<Variant, number>> = { fp32: 1e-6, int8: 0.05, int4: 0.5 };

const text =
  'The river rises in the hills above the town and runs for forty miles to the sea. In 1874 a bridge of three arches was built ' +
  'across it, and the first train passed over in the same year.\nfunction area(radius) {\n  return Math.PI * radius ** 2;\n}\n';

/** The tokens of the text that are marked as anchors where the decoder has such: one in eight. */
const isMarked = (position: number): boolean => position % 8 === 7;

/**
 * Runs every built graph on a fixed text, cut to the decoder's window, and compares its logits with the fp32 graph's.
 *
 * The fp32 graph itself is compared with the same text read in two parts: that goes through the past, the mask and the positions.
 *
 * @param variants those in `folder`, `fp32` first.
 * @throws AnchorageError `internal` when a variant is further off than rounding explains.
 */
export async function verifyVariants(
  folder: string,
  variants: readonly Variant[],
  weights: DecoderWeights,
  tokenizer: TokenizerFiles,
  { signal, onVerified }: VerifyOptions = {},
): Promise<VariantReport[]> {
  const ids = tokenIds(tokenizer).slice(0, weights.config.max_position_embeddings);
  const middle = ids.length >> 1;
  const reports: VariantReport[] = [];
  let reference: Float32Array | undefined;
  for (const [index, variant] of variants.entries()) {
    signal?.throwIfAborted();
    const runner = await GraphRunner.open(join(folder, `model_${variant}.onnx`), weights);
    try {
      const whole = (await runner.run(ids, null, isMarked)).logits;
      let compared = whole;
      if (reference === undefined) {
        const first = await runner.run(ids.slice(0, middle), null, isMarked);
        const second = await runner.run(ids.slice(middle), first, isMarked);
        compared = concatenate(first.logits, second.logits);
      }
      reference ??= whole;
      const report = compare(variant, reference, compared, ids.length);
      if (!(report.divergence <= mostDivergence[variant])) {
        throw new AnchorageError(
          'internal',
          `The ${variant} graph is wrong: its logits diverge by ${report.divergence} nats from the reference.`,
          'This decoder does not survive that format: leave the variant out, and report the decoder.',
        );
      }
      reports.push(report);
    } finally {
      await runner.close();
    }
    onVerified?.(variant, index + 1);
  }
  return reports;
}

function concatenate(first: Float32Array, second: Float32Array): Float32Array {
  const both = new Float32Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** The fixed text, as ids that the decoder knows. */
function tokenIds({ tokenizer, tokenizerConfig }: TokenizerFiles): number[] {
  let ids: number[];
  try {
    ids = new Tokenizer(asObject(tokenizer), asObject(tokenizerConfig)).encode(text, { add_special_tokens: false }).ids;
  } catch (error) {
    throw new AnchorageError(
      'fileInvalid',
      `The decoder's tokenizer cannot be used: ${messageOf(error)}.`,
      'Fetch the decoder again.',
      { cause: error },
    );
  }
  if (ids.length < 2)
    throw new AnchorageError(
      'fileInvalid',
      "The decoder's tokenizer finds no tokens in a text.",
      'Fetch the decoder again.',
    );
  return ids;
}

function asObject(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}

/** Logits `[positions, V]` of a variant against the reference's. */
export function compare(
  variant: Variant,
  reference: Float32Array,
  logits: Float32Array,
  positions: number,
): VariantReport {
  const width = reference.length / positions;
  let sameTop = 0;
  let divergence = 0;
  let largestDifference = 0;
  for (let start = 0; start < reference.length; start += width) {
    const expected = reference.subarray(start, start + width);
    const found = logits.subarray(start, start + width);
    const expectedScale = logSumExp(expected);
    const foundScale = logSumExp(found);
    for (let i = 0; i < width; i++) {
      const logProbability = (expected[i] ?? 0) - expectedScale;
      divergence += Math.exp(logProbability) * (logProbability - ((found[i] ?? 0) - foundScale));
      largestDifference = Math.max(largestDifference, Math.abs((expected[i] ?? 0) - (found[i] ?? 0)));
    }
    if (indexOfLargest(expected) === indexOfLargest(found)) sameTop++;
  }
  return { variant, positions, sameTop: sameTop / positions, divergence: divergence / positions, largestDifference };
}

function logSumExp(values: Float32Array): number {
  const largest = values[indexOfLargest(values)] ?? 0;
  let sum = 0;
  for (const value of values) sum += Math.exp(value - largest);
  return largest + Math.log(sum);
}

function indexOfLargest(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] ?? 0) > (values[best] ?? 0)) best = i;
  return best;
}
