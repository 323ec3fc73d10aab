import type { MemoryView, SequenceState, SequenceView } from '../protocol/memory.ts';
import type { SessionMemory } from './sessionMemory.ts';
import { labelOf } from './sessionSequence.ts';
import type { SessionSequence } from './sessionSequence.ts';

/** What a session holds, counted from its context's cache. */
export function memoryView(sessionId: string, memory: SessionMemory): MemoryView {
  const { context } = memory;
  return {
    sessionId,
    textTokens: context.textTokens,
    kvRows: context.rows,
    kvRowsFull: context.rowsFull,
    kvBytes: context.bytes,
    kvBytesFull: context.rowsFull * context.bytesPerRow,
    sequences: sequenceViews(memory),
  };
}

/** What is known of a session that no model has read yet: its text, and no rows. */
export function unreadView(sessionId: string, sequences: readonly SessionSequence[]): MemoryView {
  const views = sequences.map((sequence) => viewOf(sequence, 'spilled', 0, 0));
  const textTokens = sequences.reduce((sum, sequence) => sum + sequence.tokens, 0);
  return { sessionId, textTokens, kvRows: 0, kvRowsFull: textTokens, kvBytes: 0, kvBytesFull: 0, sequences: views };
}

function sequenceViews(memory: SessionMemory): SequenceView[] {
  const { context } = memory;
  const sealedRows = context.sequences.reduce((sum, held) => sum + held.rows, 0);
  const prefixRows = Math.min(context.pinned.length, context.rows);
  const liveRows = context.rows - sealedRows - prefixRows;
  const prefix: SequenceView = {
    id: 'prefix',
    kind: 'prefix',
    state: 'live',
    label: 'System prompt',
    textTokens: prefixRows,
    rows: prefixRows,
    ratio: 1,
    bytes: prefixRows * context.bytesPerRow,
  };
  const views = memory.sequences.map((sequence, index) => {
    const held = context.sequences[index];
    if (index < memory.placed && held !== undefined)
      return viewOf(sequence, 'anchored', held.rows, context.bytesPerRow);
    const isLive = index === memory.sequences.length - 1 && index === memory.placed && liveRows > 0;
    return viewOf(sequence, isLive ? 'live' : 'spilled', isLive ? liveRows : 0, context.bytesPerRow);
  });
  return prefixRows === 0 ? views : [prefix, ...views];
}

function viewOf(sequence: SessionSequence, state: SequenceState, rows: number, bytesPerRow: number): SequenceView {
  return {
    id: sequence.id,
    kind: sequence.text.kind,
    state,
    label: labelOf(sequence.text),
    textTokens: sequence.tokens,
    rows,
    ratio: state === 'live' ? 1 : sequence.ratio,
    bytes: rows * bytesPerRow,
  };
}
