import type { RehydrationReason } from '../protocol/memory.ts';
import type { SessionSequence } from './sessionSequence.ts';
import type { TextMatch } from './textIndex.ts';

/** A sequence to be read again for the question that comes. */
export interface Pick {
  readonly sequence: SessionSequence;
  readonly why: RehydrationReason;
}

export interface RehydrationQuestion {
  /** The session's sequences, the live exchange not among them. */
  readonly sequences: readonly SessionSequence[];
  /** Sequences that the user wants read again. */
  readonly wanted: ReadonlySet<string>;
  /** Words of the question that say what it is about; none: it is about what was said before. */
  readonly words: number;
  /** Sequences with those words, the best first. */
  readonly matches: readonly TextMatch[];
  /** How salient sequences that are held are to the question, by id (`salience.ts`). */
  readonly salience: ReadonlyMap<string, number>;
  /** Most tokens to be read again beside those that the user wants. */
  readonly tokens: number;
}

/** Sequences that are read again beside those that the user wants. */
const most = 2;

/** A sequence has to have so much of what the question's words weigh. */
const leastCoverage = 0.5;

/** A second one is read where it has nearly as much as the first. */
const nearlyAsGood = 0.85;

/**
 * Salience decides where no words do. Of questions that nothing in a session answered none made a sequence salient
 * twice as much as the median one; those that one answered made it so three times and more.
 */
const outstanding = 2.5;

/** Which sequences' text is to be read again, and why; in the order of the session. */
export function planRehydration(question: RehydrationQuestion): Pick[] {
  const byId = new Map(question.sequences.map((sequence) => [sequence.id, sequence]));
  const picks = new Map<string, Pick>();
  let left = question.tokens;
  const pick = (id: string, why: RehydrationReason): boolean => {
    const sequence = byId.get(id);
    if (sequence === undefined || picks.has(id) || (sequence.tokens > left && why.kind !== 'user')) return false;
    left -= sequence.tokens;
    picks.set(id, { sequence, why });
    return true;
  };
  for (const id of question.wanted) pick(id, { kind: 'user' });
  if (picks.size === 0) pickByItself(question, pick);
  return question.sequences.flatMap(({ id }) => picks.get(id) ?? []);
}

function pickByItself(
  { sequences, words, matches, salience }: RehydrationQuestion,
  pick: (id: string, why: RehydrationReason) => boolean,
): void {
  if (words === 0) {
    const last = sequences.at(-1);
    if (last !== undefined) pick(last.id, { kind: 'followUp' });
    return;
  }
  const received = (id: string): number => salience.get(id) ?? 0;
  const [first] = matches;
  if (first !== undefined && first.coverage >= leastCoverage) {
    const asGood = matches
      .filter(({ weight }) => weight >= first.weight * nearlyAsGood)
      .sort((a, b) => b.weight - a.weight || received(b.id) - received(a.id));
    let taken = 0;
    for (const { id, words: shared } of asGood) {
      if (taken >= most) break;
      if (pick(id, { kind: 'words', words: shared.slice(0, 4) })) taken++;
    }
    if (taken > 0) return;
  }
  const [attended] = [...salience].sort(([, a], [, b]) => b - a);
  if (attended !== undefined && attended[1] >= outstanding) pick(attended[0], { kind: 'attention' });
}
