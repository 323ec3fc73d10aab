import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { AnchorContext } from '../engine/anchorContext.ts';
import type { Decoder } from '../engine/decoder.ts';
import type { KvAccount } from '../engine/kvAccount.ts';
import { throwIfCancelled } from '../engine/sequenceReader.ts';

/** Sizes of a prefill group that are compared, in tokens. */
export const groupSizes = [16, 32, 64, 128, 256] as const;

/** A run cannot be stopped, and Stop is to be honoured within 200 ms: what a longer past and a busy machine add has the rest. */
export const longestRunMs = 150;

/** Smaller groups answer Stop sooner, so the fastest is not worth a few percent. */
const worthwhile = 0.95;

const rounds = 5;

/** On a machine with nothing else to do, the median of five runs is so much above the fastest at most. */
const steadyRatio = 1.25;

/** Rows that the measured groups are read after: anchors of a session of some length. */
const pastRows = 384;

/** A group size and what it reads. */
export interface MeasuredSize {
  readonly tokens: number;
  readonly tokensPerSecond: number;
}

export interface GroupSizeChoice {
  readonly groupTokens: number;
  /** Those that were fast enough to be measured. */
  readonly measured: readonly MeasuredSize[];
  /** Whether runs of a size took about the same time: else the machine was busy with something else. */
  readonly isSteady: boolean;
}

/**
 * Measures which group size reads fastest: the smallest within 5% of the best, of those whose run takes 150 ms at most.
 *
 * The sizes grow, and measuring ends with the first that is too slow, so no run takes much longer than two times 150 ms. The
 * sizes take turns, so that a machine that is busy for a moment slows all of them alike.
 *
 * @param read reads a group of so many tokens.
 * @throws AnchorageError `cancelled` between runs.
 */
export async function chooseGroupSize(
  read: (tokens: number) => Promise<void>,
  signal: AbortSignal,
  now: () => number = () => performance.now(),
): Promise<GroupSizeChoice> {
  const timed = async (tokens: number): Promise<number> => {
    // Who waits gets a turn before each run.
    await eventLoopTurn();
    throwIfCancelled(signal);
    const begin = now();
    await read(tokens);
    return now() - begin;
  };
  const times = new Map<number, number[]>();
  for (const tokens of groupSizes) {
    // The first run of a size allocates, and something else may disturb one: what is too slow is so three times.
    let fastest = Infinity;
    for (let attempt = 0; attempt < 3 && fastest > longestRunMs; attempt++)
      fastest = Math.min(fastest, await timed(tokens));
    if (fastest > longestRunMs) break;
    times.set(tokens, []);
  }
  for (let round = 0; round < rounds; round++) {
    for (const [tokens, measured] of times) measured.push(await timed(tokens));
  }
  const fast = [...times].filter(([, measured]) => median(measured) <= longestRunMs);
  const measured = fast.map(([tokens, each]) => ({ tokens, tokensPerSecond: tokens / (median(each) / 1000) }));
  const best = Math.max(...measured.map(({ tokensPerSecond }) => tokensPerSecond));
  const chosen = measured.find(({ tokensPerSecond }) => tokensPerSecond >= worthwhile * best);
  const isSteady = [...times.values()].every((each) => median(each) <= steadyRatio * Math.min(...each));
  return { groupTokens: chosen?.tokens ?? groupSizes[0], measured, isSteady };
}

/**
 * As `chooseGroupSize`, of a decoder.
 *
 * Anchors that were stored under another size stay valid: however a text is cut into runs, its tokens see the same rows at
 * the same positions. Only sums are taken in another order, and in int8 and int4 graphs activations rounded, which moves
 * a logit in its last digits and no row to another place. So the size is no part of an anchor's key.
 *
 * @param account of which the memory for the past is taken while it is measured.
 * @returns null where neither the account nor the window has room for it.
 */
export async function chooseDecoderGroupSize(
  decoder: Decoder,
  account: KvAccount,
  signal: AbortSignal,
): Promise<GroupSizeChoice | null> {
  const context = new AnchorContext(decoder, { pinned: [], account });
  const largest = Math.max(...groupSizes);
  const past = pastRows + largest <= context.room ? pastRows : 0;
  if (past + largest > context.room) return null;
  try {
    const { vocab_size: vocabulary } = decoder.package.config;
    // Spread over the vocabulary: which tokens they are does not matter, but a graph may skip work for equal ones.
    const tokens = Array.from({ length: past + largest }, (_, i) => (i * 7919) % vocabulary);
    if (past > 0) await context.keepWhole(tokens.slice(0, past), { signal });
    context.groupSize = (available) => available;
    const read = async (count: number): Promise<void> => {
      await context.read(tokens.slice(past, past + count), { logits: 'none' });
      context.dropLive();
    };
    return await chooseGroupSize(read, signal);
  } finally {
    context.release();
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Infinity;
}
