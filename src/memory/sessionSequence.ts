import type { Choice } from '../protocol/anchorConfig.ts';

/** What a sequence says: a chunk of an attached file, or a question with its answer. */
export type SequenceText =
  | {
      readonly kind: 'chunk';
      readonly path: string;
      readonly languageId: string;
      /** Line of the chunk's first character; counts from 1. */
      readonly startLine: number;
      readonly endLine: number;
      readonly text: string;
    }
  | { readonly kind: 'exchange'; readonly question: string; readonly answer: string };

/** How a sequence is held: what changes after it was written, and its text never does. */
export interface Holding {
  /** Text tokens per anchor. */
  readonly ratio: number;
  /** How its anchors were chosen when it was last sealed. */
  readonly choice: Choice;
  /** Names its anchors in the store; null while they are not kept there. */
  readonly anchorKey: string | null;
  /** Its anchors are out of the context: its text, and where there are any its stored anchors, are all that is left. */
  readonly spilled: boolean;
  /** The user wants it kept as it is. */
  readonly pinned: boolean;
  /** How salient it was to questions (`salience.ts`), to the last ones more: a running mean that begins with 1. */
  readonly attention: number;
  /** Number of the session's exchange (from 0) that last read its text. */
  readonly usedAt: number;
}

/** One sequence of a session. Its text is the truth; how it was sealed can be done again from it. */
export interface SessionSequence extends Holding {
  readonly id: string;
  readonly text: SequenceText;
  /** Tokens of the text, as the model reads it. */
  readonly tokens: number;
  /** It was read seeing only the pinned prefix, so its anchors hold wherever it stands. */
  readonly independent: boolean;
}

/** Characters of a question that its label is made from. */
const labelSearched = 400;

/** Every view of a session has the labels of all its sequences: each is made once. */
const labels = new WeakMap<SequenceText, string>();

/** First words of a sequence, or its file and lines, for a tooltip. */
export function labelOf(text: SequenceText): string {
  const known = labels.get(text);
  if (known !== undefined) return known;
  const label = text.kind === 'chunk' ? `${text.path}:${text.startLine}-${text.endLine}` : firstWords(text.question);
  labels.set(text, label);
  return label;
}

function firstWords(question: string): string {
  const begin = question.trimStart().slice(0, labelSearched).toWellFormed();
  const line = begin.replace(/\s+/g, ' ').trim();
  return line.length > 80 ? `${line.slice(0, 79).toWellFormed()}…` : line;
}
