import type { RehydrationReason } from '../protocol/memory.ts';
import { foldedWord } from './searchWords.ts';
import type { SequenceText, SessionSequence } from './sessionSequence.ts';
import type { TextMatch } from './textIndex.ts';
import { wordsOf, type QuestionWord } from './words.ts';

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
  readonly words: readonly QuestionWord[];
  /** Sequences with those words, the best first. */
  readonly matches: readonly TextMatch[];
  /** How salient sequences that are held are to the question, by id (`salience.ts`); null before it was read. */
  readonly salience: ReadonlyMap<string, number> | null;
  /** Most tokens to be read again beside those that the user wants. */
  readonly tokens: number;
}

/** Sequences that are read again beside those that the user wants. */
const most = 2;

/** Shares of what the question's words weigh. */
const some = 0.3;
const half = 0.5;
const nearlyAll = 0.75;

/** A question of more words brings text of its own: what shares some of them is about the same, and not what is asked for. */
const mostAsked = 12;

/** A text that ends in a question. */
const isAsked = /[?\uff1f\u061f]\s*$/u;

/** The best is alone where it has so many times the share of the next; others are as good that have so much of the best's. */
const margin = 1.35;
const nearly = 0.85;

/**
 * Saliences: as usual, beyond that, and so far beyond it that it decides alone. In a session of 32,000 tokens, questions
 * that nothing in it answered made some sequence 3.5 to 5 times as salient as the median one.
 */
const usual = 1;
const salient = 2;
const outstanding = 6;

/**
 * Which sequences' text is to be read again, and why; in the order of the session.
 *
 * @returns null where that cannot be told without the salience, which only reading the question gives.
 */
export function planRehydration(question: RehydrationQuestion): Pick[] | null {
  const { sequences, wanted, tokens } = question;
  const reasons = new Map<string, RehydrationReason>();
  for (const id of wanted) reasons.set(id, { kind: 'user' });
  if (reasons.size === 0 && tokens > 0 && sequences.length > 0) {
    const chosen = chosenByItself(question);
    if (chosen === null) return null;
    for (const { id, why } of chosen) reasons.set(id, why);
  }
  let left = tokens;
  return sequences.flatMap((sequence) => {
    const why = reasons.get(sequence.id);
    if (why === undefined || (sequence.tokens > left && why.kind !== 'user')) return [];
    left -= sequence.tokens;
    return [{ sequence, why }];
  });
}

interface Chosen {
  readonly id: string;
  readonly why: RehydrationReason;
}

function chosenByItself({ sequences, words, matches, salience }: RehydrationQuestion): Chosen[] | null {
  if (words.length === 0) {
    const last = sequences.at(-1);
    return last?.text.kind === 'exchange' ? [{ id: last.id, why: { kind: 'followUp' } }] : [];
  }
  const asked = new Set(words.map(({ text }) => foldedWord(text)));
  const isEcho = (id: string): boolean => sequences.some((each) => each.id === id && asksTheSame(each.text, asked));
  const byWords = chosenByWords(matches, salience, { least: words.length > mostAsked ? half : some, isEcho });
  if (byWords === null || byWords.length > 0) {
    return (
      byWords && byWords.map(({ id, words: shared }) => ({ id, why: { kind: 'words', words: shared.slice(0, 4) } }))
    );
  }
  if (salience === null) return null;
  const [attended] = [...salience].sort(([, a], [, b]) => b - a);
  if (attended === undefined || attended[1] < outstanding) return [];
  return [{ id: attended[0], why: { kind: 'attention' } }];
}

/**
 * Whether an exchange asked what is asked now, in no other words. What it answered is second-hand where another sequence has
 * most of these words too: it was taken from that one, and may have been wrong.
 *
 * @param asked words that are asked now, folded.
 */
function asksTheSame(text: SequenceText, asked: ReadonlySet<string>): boolean {
  if (text.kind !== 'exchange' || !isAsked.test(text.question)) return false;
  return wordsOf(text.question).every((word) => asked.has(foldedWord(word.text)));
}

/**
 * Of those that have most of the words the most salient, where that says enough; echoes only where nothing else has
 * nearly all of them.
 *
 * @param least share of the words without which nothing is read again.
 */
function chosenByWords(
  matches: readonly TextMatch[],
  salience: ReadonlyMap<string, number> | null,
  { least, isEcho }: { readonly least: number; readonly isEcho: (id: string) => boolean },
): readonly TextMatch[] | null {
  // Those with fewer words decide nothing beside one that has nearly all: their texts need not be looked at.
  const told = matches.filter(({ id, coverage }) => coverage >= nearlyAll * nearly && !isEcho(id));
  const firstHand = (told[0]?.coverage ?? 0) >= nearlyAll ? told : matches;
  const [first, second] = firstHand;
  if (first === undefined || first.coverage < least) return [];
  if (first.coverage >= margin * (second?.coverage ?? 0)) return [first];
  const havingMost = firstHand.filter(({ coverage }) => coverage >= first.coverage * nearly);
  if (havingMost.length === 1 && first.coverage >= nearlyAll) return [first];
  if (salience === null) return null;
  const salienceOf = ({ id }: TextMatch): number => salience.get(id) ?? usual;
  const asGood = havingMost.sort((a, b) => salienceOf(b) - salienceOf(a));
  const [best] = asGood;
  if (best === undefined) return [];
  const isMeant = best.coverage >= nearlyAll || salienceOf(best) >= (best.coverage >= half ? usual : salient);
  return isMeant ? asGood.filter((match) => salienceOf(match) >= salienceOf(best) * nearly).slice(0, most) : [];
}
