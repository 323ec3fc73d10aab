import { AnchorageError } from '../../../src/protocol/errors.ts';
import type { BatchResult } from '../../../src/protocol/batch.ts';
import type { Ask } from './item.ts';
import { bleu4 } from './metrics/bleu.ts';
import { chrf } from './metrics/chrf.ts';
import { rougeL } from './metrics/rougeL.ts';

/** An item's scores by the metrics' names: higher is better in all of them. */
export type Scores = Readonly<Record<string, number>>;

/** @param results of the rows of `ask` (rowsOf), in their order. */
export function judge(ask: Ask, results: readonly BatchResult[]): Scores {
  const [first] = results;
  if (first === undefined) throw new AnchorageError('internal', 'An item has no results.');
  switch (ask.kind) {
    case 'choice': {
      const scores = first.choiceScores ?? [];
      if (scores.length !== ask.choices.length) throw lacking(first, 'choiceScores');
      const plain = scores.map(({ logProb }) => logProb);
      // As lm-evaluation-harness: by the characters of the choice, without the blank before it.
      const normal = plain.map((logProb, i) => logProb / Array.from((ask.choices[i] ?? '').trimStart()).length);
      return {
        acc: isLargest(plain, ask.answer),
        acc_norm: isLargest(normal, ask.answer),
        right: shareOf(plain, ask.answer),
      };
    }
    case 'blank': {
      const plain = results.map(logProbOf);
      return { acc: isLargest(plain, ask.answer), right: shareOf(plain, ask.answer) };
    }
    case 'continuation':
      return byDistance(
        ask.upTo.map(({ name }) => name),
        results,
      );
    case 'answer': {
      const exact = holds(first.answer, ask.expected) ? 1 : 0;
      return { exact, logProb: logProbOf(first) / (first.scoreTokens ?? 1) };
    }
    case 'reference': {
      const { answer } = first;
      return {
        chrF: chrf(answer, ask.reference),
        ROUGE_L: rougeL(answer, ask.reference),
        BLEU_4: bleu4(answer, ask.reference),
      };
    }
  }
}

/** The expected words stand in the answer by themselves: 21 is not in 210, nor `fold` in `unfold`. */
export function holds(answer: string, expected: string): boolean {
  const escaped = expected.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`(?<![\\p{L}\\p{N}_])${escaped}(?![\\p{L}\\p{N}_])`, 'iu').test(answer);
}

/**
 * Mean log-probability of a token: of the whole continuation, and of its parts between the ends that were scored, which
 * have the ends' names.
 */
function byDistance(names: readonly string[], results: readonly BatchResult[]): Scores {
  const scores: Record<string, number> = {};
  let [tokens, logProb] = [0, 0];
  for (const [i, result] of results.entries()) {
    const [upTo, sum] = [result.scoreTokens ?? 0, logProbOf(result)];
    if (upTo <= tokens) throw lacking(result, 'scoreTokens');
    scores[names[i] ?? ''] = (sum - logProb) / (upTo - tokens);
    [tokens, logProb] = [upTo, sum];
  }
  return { ...scores, logProb: logProb / tokens };
}

function logProbOf(result: BatchResult): number {
  if (result.scoreLogProb === undefined) throw lacking(result, 'scoreLogProb');
  return result.scoreLogProb;
}

/** 1 where that one is the largest, the first of equals. */
function isLargest(values: readonly number[], index: number): number {
  return values.indexOf(Math.max(...values)) === index ? 1 : 0;
}

/** Log-probability of that one, given that it is one of them: what accuracy counts, without its steps. */
function shareOf(logProbs: readonly number[], index: number): number {
  const own = logProbs[index] ?? NaN;
  return -Math.log(logProbs.reduce((sum, other) => sum + Math.exp(other - own), 0));
}

function lacking(result: BatchResult, field: string): AnchorageError {
  return new AnchorageError(
    'internal',
    `The result of row ${result.id} lacks ${field}, or it is not what was asked for.`,
  );
}
