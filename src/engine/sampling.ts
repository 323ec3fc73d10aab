import type { Sampling } from '../protocol/sampling.ts';
import { Random } from './random.ts';

interface Candidate {
  readonly id: number;
  readonly probability: number;
}

/** Digits, and what joins the parts of a name; and how many such tokens in a row a number has. */
const spelling = /^[\p{N}\p{Pc}]+$/u;
const longestSpelled = 12;

/** Draws tokens: repetition penalty, temperature, top-k, top-p, min-p, in this order. */
export class Sampler {
  readonly #sampling: Sampling;
  readonly #random: Random;
  readonly #textOf: (id: number) => string;
  readonly #drawn = new Set<number>();
  readonly #spelled = new Set<number>();
  /** Tokens that spell, since the last other one. */
  #run = 0;

  /** @param textOf a token's text. */
  constructor(sampling: Sampling, textOf: (id: number) => string) {
    this.#sampling = sampling;
    this.#textOf = textOf;
    this.#random = new Random(sampling.seed);
  }

  /**
   * The next token's id. The penalty falls on the tokens drawn before, not on the prompt, whose names the answer
   * should repeat; and not on what numbers and names are spelled of, since 31141 has three ones: it grows there
   * from token to token once that is longer than a number is.
   *
   * @param logits [vocabulary]; left as they are.
   */
  next(logits: Float32Array): number {
    const penalised = this.#penalised(logits);
    const id = this.#sampling.temperature === 0 ? indexOfLargest(penalised) : this.#draw(penalised);
    if (this.#sampling.repetitionPenalty !== 1) this.#note(id);
    return id;
  }

  #note(id: number): void {
    const isSpelling = spelling.test(this.#textOf(id));
    (isSpelling ? this.#spelled : this.#drawn).add(id);
    this.#run = isSpelling ? this.#run + 1 : 0;
  }

  #penalised(logits: Float32Array): Float32Array {
    const { repetitionPenalty } = this.#sampling;
    if (this.#drawn.size + this.#spelled.size === 0) return logits;
    const out = logits.slice();
    penalise(out, this.#drawn, repetitionPenalty);
    penalise(out, this.#spelled, repetitionPenalty ** Math.max(0, this.#run - longestSpelled));
    return out;
  }

  #draw(logits: Float32Array): number {
    const { topP, topK, minP } = this.#sampling;
    const probabilities = softmax(logits, this.#sampling.temperature);
    const floor = minP * (probabilities[indexOfLargest(probabilities)] ?? 0);
    let candidates = topK > 0 ? largest(probabilities, topK) : withMass(probabilities, topP);
    if (topK > 0 || topP < 1) candidates.sort((a, b) => b.probability - a.probability || a.id - b.id);
    if (topK > 0) candidates = candidates.slice(0, topK);
    if (topP < 1) candidates = nucleus(candidates, topP);
    candidates = candidates.filter((candidate) => candidate.probability >= floor);
    const total = candidates.reduce((sum, candidate) => sum + candidate.probability, 0);
    let left = this.#random.next() * total;
    for (const candidate of candidates) {
      left -= candidate.probability;
      if (left < 0) return candidate.id;
    }
    return candidates.at(-1)?.id ?? indexOfLargest(logits);
  }
}

function penalise(logits: Float32Array, ids: ReadonlySet<number>, penalty: number): void {
  for (const id of ids) {
    const logit = logits[id] ?? 0;
    logits[id] = logit > 0 ? logit / penalty : logit * penalty;
  }
}

/** Index of the largest number, the first of equals. */
export function indexOfLargest(values: Float32Array | Float64Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) {
    if ((values[i] ?? -Infinity) > (values[best] ?? -Infinity)) best = i;
  }
  return best;
}

/** Natural logarithm of the sum of exponentials, in double precision. */
export function logSumExp(logits: Float32Array): number {
  const top = logits[indexOfLargest(logits)] ?? 0;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - top);
  return top + Math.log(sum);
}

function softmax(logits: Float32Array, temperature: number): Float64Array {
  const top = logits[indexOfLargest(logits)] ?? 0;
  const out = new Float64Array(logits.length);
  let sum = 0;
  logits.forEach((logit, i) => {
    const weight = Math.exp((logit - top) / temperature);
    out[i] = weight;
    sum += weight;
  });
  return out.map((weight) => weight / sum);
}

/**
 * The most probable candidates that together hold at least `mass`, unsorted, found by lowering a floor: sorting a whole
 * vocabulary at every token would cost more than the model.
 */
function withMass(probabilities: Float64Array, mass: number): Candidate[] {
  if (mass >= 1) return atLeast(probabilities, Number.MIN_VALUE);
  for (let floor = 2 ** -8; floor > 2 ** -40; floor /= 16) {
    const candidates = atLeast(probabilities, floor);
    if (candidates.reduce((sum, candidate) => sum + candidate.probability, 0) >= mass) return candidates;
  }
  return atLeast(probabilities, Number.MIN_VALUE);
}

/** At least the `count` most probable candidates. */
function largest(probabilities: Float64Array, count: number): Candidate[] {
  for (let floor = 2 ** -8; floor > 2 ** -40; floor /= 16) {
    const candidates = atLeast(probabilities, floor);
    if (candidates.length >= count) return candidates;
  }
  return atLeast(probabilities, 0);
}

function atLeast(probabilities: Float64Array, floor: number): Candidate[] {
  const candidates: Candidate[] = [];
  probabilities.forEach((probability, id) => {
    if (probability >= floor) candidates.push({ id, probability });
  });
  return candidates;
}

/** The shortest run of sorted candidates that holds `topP` of their probability. */
function nucleus(candidates: readonly Candidate[], topP: number): Candidate[] {
  const total = candidates.reduce((all, candidate) => all + candidate.probability, 0);
  let sum = 0;
  const end = candidates.findIndex((candidate) => (sum += candidate.probability) >= topP * total);
  return candidates.slice(0, end < 0 ? candidates.length : end + 1);
}
