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

/** Shares of what the question's words weigh. A sequence has to have the first of them at least. */
const some = 0.3;
const half = 0.5;
const nearlyAll = 0.75;

/** The best is alone where it has so many times the share of the next; others are as good that have so much of the best's. */
const margin = 1.35;
const nearly = 0.85;

/**
 * Saliences: as usual, beyond that, and so far beyond it that it decides alone. Of questions that nothing in a session
 * answered, none made a sequence salient to the last degree; half of those that one answered did.
 */
const usual = 1;
const salient = 2;
const outstanding = 3.5;

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
  const picked = pickByWords(matches, salience).filter(({ id, words: shared }) =>
    pick(id, { kind: 'words', words: shared.slice(0, 4) }),
  );
  if (picked.length > 0) return;
  const [attended] = [...salience].sort(([, a], [, b]) => b - a);
  if (attended !== undefined && attended[1] >= outstanding) pick(attended[0], { kind: 'attention' });
}

/** Of those that have most of the words the most salient, where that says enough. */
function pickByWords(matches: readonly TextMatch[], salience: ReadonlyMap<string, number>): readonly TextMatch[] {
  const [first, second] = matches;
  if (first === undefined || first.coverage < some) return [];
  if (first.coverage >= margin * (second?.coverage ?? 0)) return [first];
  const salienceOf = ({ id }: TextMatch): number => salience.get(id) ?? usual;
  const asGood = matches
    .filter(({ coverage }) => coverage >= first.coverage * nearly)
    .sort((a, b) => salienceOf(b) - salienceOf(a));
  const [best] = asGood;
  if (best === undefined) return [];
  const isMeant = best.coverage >= nearlyAll || salienceOf(best) >= (best.coverage >= half ? usual : salient);
  return isMeant ? asGood.filter((match) => salienceOf(match) >= salienceOf(best) * nearly).slice(0, most) : [];
}
