import type { SealedSequence } from '../engine/sealedSequence.ts';
import type { MemoryView, SequenceView } from '../protocol/memory.ts';
import type { SessionMemory } from './sessionMemory.ts';
import { labelOf } from './sessionSequence.ts';
import type { SessionSequence } from './sessionSequence.ts';

/** What the budget of all sessions is, and how much of it is taken. */
export type BudgetView = Pick<MemoryView, 'budget' | 'budgetUsed' | 'budgetLargest'>;

type Held = Pick<SequenceView, 'state' | 'rows' | 'ratio'> & { readonly isWanted?: boolean };

const spilled: Held = { state: 'spilled', rows: 0, ratio: 1 };

/** What a session holds, counted from its context's cache. */
export function memoryView(sessionId: string, memory: SessionMemory, budget: BudgetView): MemoryView {
  const { context } = memory;
  const { bytesPerRow } = context;
  const prefixRows = Math.min(context.pinned.length, context.rows);
  const inContext = context.sequences;
  const sequences = memory.sequences.map((sequence) => {
    const isWanted = memory.wanted.has(sequence.id);
    return viewOf(sequence, { ...heldAs(sequence, memory, inContext), isWanted }, bytesPerRow);
  });
  // The live exchange belongs to the text only once it is in the list: while it is answered it counts as rows.
  const textTokens = memory.sequences.reduce((sum, { tokens }) => sum + tokens, prefixRows);
  return {
    sessionId,
    textTokens,
    kvRows: context.rows,
    kvRowsFull: textTokens,
    kvBytes: context.bytes,
    kvBytesFull: textTokens * bytesPerRow,
    ...budget,
    sequences: prefixRows === 0 ? sequences : [prefixView(prefixRows, bytesPerRow), ...sequences],
  };
}

/** What is known of a session that no model has read yet: its text, and no rows. */
export function unreadView(sessionId: string, sequences: readonly SessionSequence[], budget: BudgetView): MemoryView {
  const views = sequences.map((sequence) => viewOf(sequence, spilled, 0));
  const textTokens = sequences.reduce((sum, sequence) => sum + sequence.tokens, 0);
  const nothing = { kvRows: 0, kvBytes: 0, kvBytesFull: 0 };
  return { sessionId, textTokens, kvRowsFull: textTokens, ...nothing, ...budget, sequences: views };
}

function heldAs(sequence: SessionSequence, memory: SessionMemory, inContext: readonly SealedSequence[]): Held {
  const { context, rehydrated, placedCount } = memory;
  const place = memory.placeOf(sequence.id);
  const anchors = inContext[place];
  const again = rehydrated.indexOf(sequence.id);
  if (again >= 0) {
    const rows = (anchors?.rows ?? 0) + (inContext[placedCount + again]?.rows ?? 0);
    return { state: 'rehydrated', rows, ratio: 1 };
  }
  if (anchors !== undefined) return { state: 'anchored', rows: anchors.rows, ratio: anchors.ratio };
  const elsewhere = { ...spilled, ratio: sequence.ratio };
  if (sequence.spilled || sequence !== memory.sequences.at(-1)) return elsewhere;
  const sealed = inContext.reduce((sum, { rows }) => sum + rows, Math.min(context.pinned.length, context.rows));
  return context.rows > sealed ? { state: 'live', rows: context.rows - sealed, ratio: 1 } : elsewhere;
}

function prefixView(rows: number, bytesPerRow: number): SequenceView {
  return {
    id: 'prefix',
    kind: 'prefix',
    state: 'live',
    label: 'System prompt',
    pinned: true,
    isWanted: false,
    textTokens: rows,
    rows,
    ratio: 1,
    bytes: rows * bytesPerRow,
  };
}

function viewOf(sequence: SessionSequence, held: Held, bytesPerRow: number): SequenceView {
  return {
    id: sequence.id,
    kind: sequence.text.kind,
    state: held.state,
    label: labelOf(sequence.text),
    pinned: sequence.pinned,
    isWanted: held.isWanted ?? false,
    textTokens: sequence.tokens,
    rows: held.rows,
    ratio: held.ratio,
    bytes: held.rows * bytesPerRow,
  };
}
