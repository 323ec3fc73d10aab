import { FaultySession } from './faultySession.ts';
import { withBenchFolder } from '../benchFiles.ts';
import { checkStore } from './checkStore.ts';
import { Ledger } from './ledger.ts';

export interface TwoWriters {
  readonly acknowledged: number;
  readonly exchanges: number;
  readonly faults: readonly string[];
}

/** Two workers that answer in one session at once, as two windows do; then both are killed. */
export async function twoWriters(turns: number): Promise<TwoWriters> {
  return withBenchFolder(async (folder) => {
    const left = await FaultySession.open(folder);
    await left.ask(1);
    const right = await FaultySession.open(folder, left.sessionId);
    await Promise.all([left.ask(turns), right.ask(turns)]);
    await Promise.all([left.kill(), right.kill()]);
    const ledger = new Ledger();
    for (const each of [left, right]) for (const exchange of each.ledger.of(left.sessionId)) ledger.add(exchange);
    const { faults, exchanges } = await checkStore(folder, ledger);
    // A write that had to wait for longer than a worker has patience was held, and is written with the next.
    const held = left.heldCount + right.heldCount;
    const missing =
      exchanges < 2 * turns + 1 - held ? [`${2 * turns + 1 - held - exchanges} exchanges are missing`] : [];
    return { acknowledged: ledger.count, exchanges, faults: [...faults, ...missing] };
  });
}
