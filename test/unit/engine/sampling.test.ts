import assert from 'node:assert/strict';
import { samplingSchema, type Sampling } from '../../../src/protocol/sampling.ts';
import { logSumExp, Sampler } from '../../../src/engine/sampling.ts';
import { Random } from '../../../src/engine/random.ts';

const sampling = (options: Partial<Sampling>): Sampling => samplingSchema.parse(options);

const word = (id: number): string => ` w${String.fromCodePoint(97 + (id % 26))}`;

/** Shares of the tokens drawn by fresh samplers over many seeds. */
function shares(logits: Float32Array, options: Partial<Sampling>, draws = 20_000): number[] {
  const counts = new Array<number>(logits.length).fill(0);
  for (let seed = 0; seed < draws; seed++) {
    const id = new Sampler(sampling({ ...options, seed }), word).next(logits);
    counts[id] = (counts[id] ?? 0) + 1;
  }
  return counts.map((count) => count / draws);
}

function assertShares(found: readonly number[], expected: readonly number[]): void {
  expected.forEach((share, id) => {
    assert.ok(Math.abs((found[id] ?? 0) - share) < 0.015, `token ${id}: ${found[id]} where ${share} is expected`);
  });
}

describe('sampling', function () {
  this.timeout(20_000);

  const probabilities = [0.5, 0.25, 0.15, 0.1];
  const logits = Float32Array.from(probabilities, Math.log);

  it('is greedy at temperature 0, the first of equals', () => {
    assert.equal(new Sampler(sampling({}), word).next(Float32Array.of(1, 3, 3, 2)), 1);
  });

  it('draws as the probabilities say', () => {
    assertShares(shares(logits, { temperature: 1 }), probabilities);
  });

  it('flattens and sharpens with the temperature', () => {
    const squared = probabilities.map((p) => p * p);
    const total = squared.reduce((a, b) => a + b, 0);
    assertShares(
      shares(logits, { temperature: 0.5 }),
      squared.map((p) => p / total),
    );
  });

  it('limits to the k most probable, the nucleus, and a share of the best', () => {
    assertShares(shares(logits, { temperature: 1, topK: 2 }), [2 / 3, 1 / 3, 0, 0]);
    assertShares(shares(logits, { temperature: 1, topP: 0.7 }), [2 / 3, 1 / 3, 0, 0]);
    assertShares(shares(logits, { temperature: 1, topP: 0.76 }), [0.5 / 0.9, 0.25 / 0.9, 0.15 / 0.9, 0]);
    assertShares(shares(logits, { temperature: 1, minP: 0.28 }), [0.5 / 0.9, 0.25 / 0.9, 0.15 / 0.9, 0]);
    assertShares(shares(logits, { temperature: 1, topK: 3, topP: 0.8 }), [2 / 3, 1 / 3, 0, 0]);
  });

  it('finds the same nucleus in a large vocabulary as sorting everything does', () => {
    const random = new Random(5);
    const wide = Float32Array.from({ length: 20_000 }, () => random.next() * 6);
    const order = Array.from(wide.keys()).sort((a, b) => (wide[b] ?? 0) - (wide[a] ?? 0));
    const top = new Set(order.slice(0, 40));
    for (let seed = 0; seed < 60; seed++) {
      assert.ok(top.has(new Sampler(sampling({ temperature: 1, topK: 40, seed }), word).next(wide)));
    }
    const sum = logSumExp(wide);
    let mass = 0;
    const nucleus = new Set<number>();
    for (const id of order) {
      if (mass >= 0.3) break;
      nucleus.add(id);
      mass += Math.exp((wide[id] ?? 0) - sum);
    }
    for (let seed = 0; seed < 60; seed++) {
      assert.ok(nucleus.has(new Sampler(sampling({ temperature: 1, topP: 0.3, seed }), word).next(wide)));
    }
  });

  it('penalises what it drew before, of either sign', () => {
    const sampler = new Sampler(sampling({ repetitionPenalty: 2 }), word);
    assert.equal(sampler.next(Float32Array.of(3, 2, -1)), 0);
    assert.equal(sampler.next(Float32Array.of(3, 2, -1)), 1);
    const negative = new Sampler(sampling({ repetitionPenalty: 2 }), word);
    assert.equal(negative.next(Float32Array.of(-1, -1.5)), 0);
    assert.equal(negative.next(Float32Array.of(-1, -1.5)), 1);
  });

  it('does not penalise what numbers and names are spelled of', () => {
    const texts = ['1', '_', ' one'];
    const drawn = (id: number): number[] => {
      const sampler = new Sampler(sampling({ repetitionPenalty: 2 }), (each) => texts[each] ?? '');
      const logits = Float32Array.from(texts, (_, each) => (each === id ? 3 : 2));
      return [sampler.next(logits), sampler.next(logits)];
    };
    assert.deepEqual(drawn(0), [0, 0]);
    assert.deepEqual(drawn(1), [1, 1]);
    assert.deepEqual(drawn(2), [2, 0]);
  });

  it('ends a number that has no end', () => {
    const sampler = new Sampler(sampling({ repetitionPenalty: 1.1 }), (id) => (id === 0 ? '1' : '.'));
    const drawn = Array.from({ length: 30 }, () => sampler.next(Float32Array.of(10, 5)));
    assert.equal(drawn.indexOf(1), 20, 'twelve digits are free, the eighth after them has less than half its logit');
  });

  it('repeats itself exactly for a seed, and not for another', () => {
    const draw = (seed: number): number[] => {
      const sampler = new Sampler(sampling({ temperature: 1, seed }), word);
      return Array.from({ length: 50 }, () => sampler.next(logits));
    };
    assert.deepEqual(draw(11), draw(11));
    assert.notDeepEqual(draw(11), draw(12));
    assert.notDeepEqual(draw(0), draw(1));
  });

  it('sums exponentials without overflow', () => {
    assert.ok(Math.abs(logSumExp(Float32Array.of(1000, 1000)) - (1000 + Math.log(2))) < 1e-9);
  });
});
