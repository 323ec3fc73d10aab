import { sequenceStates } from '../../protocol/memory.ts';
import type { MemoryView, SequenceState, SequenceView } from '../../protocol/memory.ts';
import { numbered } from './findSession.ts';

const marks: Readonly<Record<SequenceState, string>> = { live: '#', anchored: '+', spilled: '-', rehydrated: '*' };
const names: Readonly<Record<SequenceState, string>> = {
  live: 'whole',
  anchored: 'anchors only',
  spilled: 'on disk only',
  rehydrated: 'read again',
};

/** Sequences in a line of the map, and in a group of it. */
const lineLength = 50;
const groupLength = 10;

/** The anchor map: one character a sequence, a legend with counts, and the numbers of the meter. */
export function mapLines(memory: MemoryView): string[] {
  const sequences = numbered(memory.sequences);
  const lines: string[] = [];
  for (let first = 0; first < sequences.length; first += lineLength) {
    const line = sequences.slice(first, first + lineLength).map(({ state }) => marks[state]);
    const groups: string[] = [];
    for (let i = 0; i < line.length; i += groupLength) groups.push(line.slice(i, i + groupLength).join(''));
    lines.push(`${String(first + 1).padStart(5)}  ${groups.join(' ')}`);
  }
  return [...lines, legend(sequences), ...markedLines(sequences), ...meterLines(memory)];
}

/** A numbered line for every sequence: its state, what it is, and what is held of it. */
export function sequenceLines(memory: MemoryView): string[] {
  return numbered(memory.sequences).map((sequence, i) => {
    const { state, label, textTokens, rows, pinned, isWanted } = sequence;
    const notes = [pinned ? 'pinned' : '', isWanted ? 'to be read again' : ''].filter((note) => note !== '');
    const held = `${rows} rows of ${textTokens}${notes.length > 0 ? `, ${notes.join(', ')}` : ''}`;
    return `${String(i + 1).padStart(5)}  ${marks[state]} ${label.replaceAll(/\s+/g, ' ')}  (${held})`;
  });
}

function legend(sequences: readonly SequenceView[]): string {
  if (sequences.length === 0) return 'There are no sequences yet.';
  return sequenceStates
    .map((state) => `${marks[state]} ${names[state]}: ${sequences.filter((each) => each.state === state).length}`)
    .join('   ');
}

function markedLines(sequences: readonly SequenceView[]): string[] {
  const numbers = (is: (sequence: SequenceView) => boolean): string =>
    sequences.flatMap((sequence, i) => (is(sequence) ? [i + 1] : [])).join(', ');
  const pinned = numbers((sequence) => sequence.pinned);
  const wanted = numbers(({ isWanted }) => isWanted);
  return [...(pinned === '' ? [] : [`pinned: ${pinned}`]), ...(wanted === '' ? [] : [`to be read again: ${wanted}`])];
}

function meterLines({
  textTokens,
  kvRows,
  kvRowsFull,
  kvBytes,
  kvBytesFull,
  budget,
  budgetUsed,
}: MemoryView): string[] {
  // Without a model there is nothing to hold, and no budget for it.
  if (budget === 0) return [`${textTokens} tokens of text; nothing is held in memory`];
  return [
    `${textTokens} tokens of text; ${kvRows} rows held of ${kvRowsFull}, ${megabytes(kvBytes)} of ${megabytes(kvBytesFull)} MB`,
    `budget: ${megabytes(budgetUsed)} of ${megabytes(budget)} MB used`,
  ];
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
