import type { Attachment } from '../../src/protocol/worker.ts';
import { Random } from '../../src/engine/random.ts';
import { facts } from './recallFacts.ts';

export type SoakKind = 'subject' | 'fact' | 'recall' | 'file';

export interface SoakTurn {
  readonly kind: SoakKind;
  readonly question: string;
  readonly attachments: readonly Attachment[];
  /** Of a question about something said before: what its answer should have, and how many turns ago it was said. */
  readonly recalls: { readonly expected: string; readonly ago: number } | null;
}

export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** What happens in every ten turns: so any ten times n turns in a row are as much work as any others. */
export const cycle: readonly SoakKind[] = [
  'subject',
  'fact',
  'recall',
  'subject',
  'file',
  'recall',
  'subject',
  'fact',
  'subject',
  'recall',
];

/** Characters of the passages that questions are about, in turn. */
const passageLengths = [60, 700, 200, 450];

/** Lines of a file that are attached. */
const attachedLines = 50;

const farthest = 900;

/**
 * A long chat: questions about passages of changing length, facts that are said, questions about facts said between 1 and
 * 900 turns ago (as often between 1 and 30 as between 30 and 900), and attached files.
 */
export function soakTurns(
  count: number,
  { passages, files }: { readonly passages: readonly string[]; readonly files: readonly SourceFile[] },
  seed = 1,
): SoakTurn[] {
  const random = new Random(seed);
  const known = facts(Math.ceil(count / 5) + 1, seed);
  const said: { readonly at: number; readonly fact: (typeof known)[number] }[] = [];
  let subjects = 0;

  const subject = (): SoakTurn => {
    const length = passageLengths[subjects++ % passageLengths.length] ?? 0;
    const passage = pick(random, passages, '');
    const from = random.integer(0, Math.max(0, passage.length - length));
    const text = passage.slice(from, from + length).toWellFormed();
    return turn('subject', `Here is a note:\n\n${text}\n\nWhat is it about, in one sentence?`);
  };
  const recall = (index: number): SoakTurn => {
    const wanted = index - Math.round(farthest ** random.next());
    const last = said.findLast(({ at }) => at <= wanted) ?? said[0];
    if (last === undefined) return subject();
    const { at, fact } = last;
    return { ...turn('recall', fact.question), recalls: { expected: fact.expected, ago: index - at } };
  };
  const file = (): SoakTurn => {
    const { path, text } = pick(random, files, { path: 'a.ts', text: 'export {};\n' });
    const lines = text.split('\n');
    const startLine = 1 + random.integer(0, Math.max(0, lines.length - attachedLines));
    const attached = lines.slice(startLine - 1, startLine - 1 + attachedLines).join('\n');
    const attachment = { kind: 'file', path, languageId: 'typescript', startLine } as const;
    return {
      ...turn('file', 'What is this code for?'),
      attachments: [{ ...attachment, text: attached, symbolLines: [] }],
    };
  };

  return Array.from({ length: count }, (_, index) => {
    switch (cycle[index % cycle.length]) {
      case 'recall':
        return recall(index);
      case 'file':
        return file();
      case 'fact': {
        const fact = known[said.length];
        if (fact === undefined) return subject();
        said.push({ at: index, fact });
        return turn('fact', fact.said);
      }
      default:
        return subject();
    }
  });
}

function turn(kind: SoakKind, question: string): SoakTurn {
  return { kind, question, attachments: [], recalls: null };
}

function pick<T>(random: Random, from: readonly T[], fallback: T): T {
  return from[random.integer(0, from.length - 1)] ?? fallback;
}
