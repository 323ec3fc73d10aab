import type { DecoderContext } from './decoderContext.ts';
import { rowsHeld, thinningPlan } from './holdingPlan.ts';
import { sealApart } from './sealApart.ts';
import type { SessionMemory } from './sessionMemory.ts';
import type { SessionSequence } from './sessionSequence.ts';

/** Once anchors fill so much of their room, older ones are held at a higher ratio until they fill so much. */
const fullShare = 0.75;
const thinnedShare = 0.55;

/**
 * When nobody waits: seals what was sealed in haste, or is to be held at a higher ratio, again from its text by the
 * preferred choice, and keeps the anchors in the store. Stopped at any point, it leaves a session that `settle` completes
 * without reading again what had been read.
 *
 * @param createScratch gives a context beside the session's, in which independent sequences are read first.
 */
export async function sealInIdle(
  memory: SessionMemory,
  createScratch: () => DecoderContext,
  signal: AbortSignal,
): Promise<void> {
  memory.writeNotes();
  await memory.fit(memory.workRows);
  // What chooses anchors, and the context beside this one, cannot use what this one has beyond its rows.
  await memory.context.trim(memory.workRows);
  const sequences = memory.sequences.filter(({ spilled }) => !spilled);
  const ratios = ratiosWanted(memory);
  const wanted = (sequence: SessionSequence): SessionSequence => {
    const ratio = ratios.get(sequence.id) ?? sequence.ratio;
    const { choice } = memory.defaults;
    const isSame = ratio === sequence.ratio && choice === sequence.choice;
    return isSame ? sequence : { ...sequence, ratio, choice, anchorKey: null };
  };
  const isAsWanted = (sequence: SessionSequence): boolean => wanted(sequence) === sequence;
  const first = sequences.findIndex((sequence) => !isAsWanted(sequence) || !memory.isStored(sequence));
  if (first < 0) return;
  // What was sealed stays as it is, also where something that it saw was spilled since.
  const changing = sequences.slice(first).filter((each) => !isAsWanted(each) || !memory.isSealed(each));
  if (memory.keepsAnchors) {
    const alone = changing.filter(({ independent }) => independent);
    await sealAlone(memory, alone.map(wanted), createScratch, signal);
  }
  const isChanging = new Set(changing.map(({ id }) => id));
  memory.unplaceFrom(first);
  for (const { id } of sequences.slice(memory.placedCount)) {
    signal.throwIfAborted();
    const sequence = memory.sequence(id);
    if (!isChanging.has(id)) {
      await memory.place(sequence, { signal });
      continue;
    }
    await memory.context.trim(memory.workRows); // It may have grown meanwhile, by more than it needed.
    await memory.placeSealed(wanted(sequence), { signal });
  }
}

/** Of those that are to change only: none where those after them could not be put back without reading them. */
function ratiosWanted(memory: SessionMemory): ReadonlyMap<string, number> {
  const { context, sequences, workRows, defaults, keepsAnchors } = memory;
  if (!keepsAnchors) return new Map();
  const room = Math.max(0, context.rows + context.room - context.pinned.length - workRows);
  if (rowsHeld(sequences) <= room * fullShare) return new Map();
  return thinningPlan(sequences, room * thinnedShare, defaults.ratios);
}

/** Reads independent sequences in a context of their own, so that the session's is whole while they are read. */
async function sealAlone(
  memory: SessionMemory,
  sequences: readonly SessionSequence[],
  createScratch: () => DecoderContext,
  signal: AbortSignal,
): Promise<void> {
  const missing = sequences.filter((sequence) => !memory.hasStored(memory.keyOf(sequence)));
  if (missing.length === 0) return;
  const scratch = createScratch();
  try {
    for (const sequence of missing) {
      signal.throwIfAborted();
      const bytes = await sealApart(scratch, memory.tokensOf(sequence), sequence, signal);
      memory.note(sequence, memory.keyOf(sequence), bytes);
    }
  } finally {
    scratch.release();
  }
}
