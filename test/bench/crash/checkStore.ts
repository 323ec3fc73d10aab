import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { decodeAnchors } from '../../../src/memory/anchorBlob.ts';
import { openSessionStore } from '../../../src/memory/openSessionStore.ts';
import type { SessionStore } from '../../../src/memory/sessionStore.ts';
import { withBenchFolder } from '../benchFiles.ts';
import { faultsOf, type Ledger } from './ledger.ts';

export interface Checked {
  /** Empty where all is well. */
  readonly faults: readonly string[];
  readonly exchanges: number;
  /** Sequences whose anchors are out of the context. */
  readonly spilled: number;
}

/**
 * Opens a copy of a folder as it was left, so that the folder itself waits as it is for the next worker, and compares it
 * with what was acknowledged.
 */
export async function checkStore(folder: string, ledger: Ledger): Promise<Checked> {
  return withBenchFolder(async (parent) => {
    const copy = join(parent, 'copy');
    await cp(folder, copy, { recursive: true });
    const { store, warning } = await openSessionStore(copy);
    const faults = warning === null ? [] : [`opened with a warning: ${warning}`];
    let exchanges = 0;
    let spilled = 0;
    for (const id of new Set([...ledger.sessionIds, ...store.list().map((session) => session.id)])) {
      const session = store.read(id);
      exchanges += session?.exchanges.length ?? 0;
      spilled += session?.exchanges.flatMap(({ sequences }) => sequences).filter((each) => each.spilled).length ?? 0;
      const attachedText = (exchangeId: string): string =>
        store
          .attachments(exchangeId)
          .map(({ text }) => text)
          .join('');
      faults.push(...faultsOf(session, ledger.of(id), attachedText), ...anchorFaults(store, id));
    }
    store.close();
    return { faults: [...faults, ...fileFaults(join(copy, 'sessions.sqlite'))], exchanges, spilled };
  });
}

/** Anchors are a cache: they may be missing, but what is there has to be whole. */
function anchorFaults(store: SessionStore, id: string): string[] {
  const sequences = store.read(id)?.exchanges.flatMap((exchange) => exchange.sequences) ?? [];
  return sequences.flatMap(({ id: sequenceId, anchorKey }) => {
    const bytes = anchorKey === null ? undefined : store.readAnchors(anchorKey);
    const isWhole = bytes === undefined || decodeAnchors(bytes) !== undefined;
    return isWhole ? [] : [`the anchors of sequence ${sequenceId} are damaged`];
  });
}

/** What SQLite itself finds wrong with a file and its index. */
function fileFaults(file: string): string[] {
  const database = new DatabaseSync(file);
  try {
    const found = database
      .prepare('PRAGMA integrity_check')
      .all()
      .map((row) => String(row['integrity_check']));
    const faults = found.filter((line) => line !== 'ok');
    if (database.prepare('PRAGMA foreign_key_check').all().length > 0) faults.push('a foreign key names nothing');
    database.exec("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)");
    return faults;
  } catch (error) {
    return [`the file is damaged: ${String(error)}`];
  } finally {
    database.close();
  }
}
