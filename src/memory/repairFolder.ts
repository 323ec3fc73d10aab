import { basename, dirname } from 'node:path';
import { z } from 'zod';
import { aloneWith } from './aloneWith.ts';
import { inspectDatabase } from './inspectDatabase.ts';
import type { FileState } from './inspectDatabase.ts';
import { openReadOnly } from './openDatabase.ts';
import { recoverSessions } from './recoverSessions.ts';
import { finishAside, isAsidePending, setAside } from './setAside.ts';

/**
 * Makes sure that a file can be opened: sets it aside where it is damaged, with all that can be read of it in a new one,
 * or where it is not ours. Finishes what a process began that was killed in the middle.
 *
 * @returns what is in its place now, and what the user has to know of it: null where nothing was to be done.
 */
export async function repairFolder(file: string): Promise<{ state: FileState; warning: string | null }> {
  if (!isAsidePending(file)) {
    const state = await inspectDatabase(file);
    if (!isBroken(state)) return { state, warning: null };
  }
  const warning = await repaired(file);
  return { state: await inspectDatabase(file), warning };
}

function repaired(file: string): Promise<string | null> {
  return aloneWith(`${file}.lock`, async () => {
    const [finished] = finishAside(file);
    if (finished !== undefined) return `${file} was damaged. ${await recovered(file)} ${keptAt(finished)}`;
    // Another process may have done it meanwhile.
    const state = await inspectDatabase(file);
    if (!isBroken(state)) return null;
    const sessions = state.kind === 'foreign' ? [] : recoverSessions(file);
    if (sessions.length === 0) {
      return `${file} has no sessions of Anchorage in it. ${keptAt(await setAside(file, 'foreign', sessions))}`;
    }
    const aside = await setAside(file, 'damaged', sessions);
    const reason = state.kind === 'damaged' ? ` (${state.reason})` : '';
    return `${file} was damaged${reason}. ${await recovered(file)} ${keptAt(aside)}`;
  });
}

function isBroken({ kind }: FileState): boolean {
  return kind === 'damaged' || kind === 'foreign';
}

const countsRow = z.object({ exchanges: z.int(), sessions: z.int() });

/** What the new file has, which was read of the old one. */
async function recovered(file: string): Promise<string> {
  const database = await openReadOnly(file);
  try {
    const sql = 'SELECT (SELECT count(*) FROM exchanges) AS exchanges, (SELECT count(*) FROM sessions) AS sessions';
    const { exchanges, sessions } = countsRow.parse(database.prepare(sql).get());
    return `Recovered: ${exchanges} exchange${exchanges === 1 ? '' : 's'} of ${sessions} session${sessions === 1 ? '' : 's'}.`;
  } finally {
    database.close();
  }
}

function keptAt(aside: string): string {
  return `The file as it was is ${basename(aside)} in ${dirname(aside)}: delete it when you miss nothing.`;
}
