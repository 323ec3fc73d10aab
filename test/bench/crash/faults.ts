import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { messageOf } from '../../../src/protocol/errors.ts';
import { withBenchFolder } from '../benchFiles.ts';
import { progress } from '../report.ts';
import { checkStore } from './checkStore.ts';
import { FaultySession } from './faultySession.ts';

/** How a store is kept from being written while a worker has it open, and how that is ended. */
interface Fault {
  readonly name: string;
  /** Folder for the sessions; whatever cannot be done on this system throws. */
  readonly prepare: (folder: string) => string;
  readonly begin: (folder: string, pid: number) => () => void;
  readonly clear: (folder: string) => void;
}

export interface FaultResult {
  readonly fault: string;
  /** Why it could not be tried here; the rest is then empty. */
  readonly skipped: string | null;
  readonly faults: readonly string[];
  /** What the worker said. */
  readonly problem: string | null;
  /** Answers given while nothing could be written, written once it could. */
  readonly heldAndWritten: number;
  /** Answers given while nothing could be written, which a kill then took with it: the worker had said so. */
  readonly heldWhenKilled: number;
}

const same = (folder: string): string => folder;
const nothing = (): void => undefined;

/** A file system of 2 MB of its own, filled by another file. */
const fullDisk: Fault = {
  name: 'full disk',
  prepare: (folder) => {
    const disk = join(folder, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk], { stdio: 'ignore' });
    return disk;
  },
  begin: (folder) => {
    const filler = join(folder, 'filler');
    fill(filler);
    return () => rmSync(filler);
  },
  clear: (folder) => void execFileSync('umount', ['-l', folder], { stdio: 'ignore' }),
};

/** Files of the worker may not grow any more: as a quota, without rights beyond the user's. */
const fileLimit: Fault = {
  name: 'limit of file size',
  prepare: same,
  begin: (folder, pid) => {
    const log = join(folder, 'sessions.sqlite-wal');
    const size = Math.max(4096, existsSync(log) ? statSync(log).size : 0);
    const limit = (bytes: string): void =>
      void execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`], { stdio: 'ignore' });
    limit(String(size));
    return () => {
      try {
        limit('unlimited');
      } catch {
        // The worker was killed meanwhile, and its limit has gone with it.
      }
    };
  },
  clear: nothing,
};

/** The files refuse every write, also through what is open: as a disk that the system has made read-only. */
const readOnlyFiles: Fault = {
  name: 'read-only files',
  prepare: (folder) => {
    const probe = join(folder, 'probe');
    writeFileSync(probe, '');
    execFileSync('chattr', ['+i', probe], { stdio: 'ignore' });
    execFileSync('chattr', ['-i', probe], { stdio: 'ignore' });
    return folder;
  },
  begin: (folder) => {
    const files = ['sessions.sqlite', 'sessions.sqlite-wal'].map((name) => join(folder, name));
    execFileSync('chattr', ['+i', ...files]);
    return () => void execFileSync('chattr', ['-i', ...files]);
  },
  clear: nothing,
};

/** Another program holds the file. */
const lockedFile: Fault = {
  name: 'locked file',
  prepare: same,
  begin: (folder) => {
    const other = new DatabaseSync(join(folder, 'sessions.sqlite'));
    other.exec('BEGIN IMMEDIATE');
    return () => {
      other.exec('ROLLBACK');
      other.close();
    };
  },
  clear: nothing,
};

/** Every fault, each once ended before the worker is killed and once not. */
export async function tryFaults(): Promise<FaultResult[]> {
  const results: FaultResult[] = [];
  for (const fault of [fullDisk, fileLimit, readOnlyFiles, lockedFile]) {
    for (const ends of [true, false]) results.push(await tryFault(fault, ends));
  }
  results.push(await tryReadOnlyFolder());
  for (const { fault, skipped, faults } of results) {
    progress(
      `${fault}: ${skipped === null ? (faults.length === 0 ? 'nothing lost' : faults.join('; ')) : `skipped: ${skipped}`}`,
    );
  }
  return results;
}

async function tryFault({ name, prepare, begin, clear }: Fault, ends: boolean): Promise<FaultResult> {
  const fault = ends ? name : `${name}, killed in it`;
  return withBenchFolder(async (parent) => {
    let folder: string;
    try {
      folder = prepare(parent);
    } catch (error) {
      return skippedResult(fault, error);
    }
    try {
      const session = await FaultySession.open(folder);
      await session.ask(3);
      const end = begin(folder, session.client.pid ?? 0);
      let problem: string | null;
      let held: number;
      try {
        // Space that was there already is used up first.
        for (let n = 0; n < 40 && session.heldCount === 0; n++) await session.ask(1);
        await session.ask(2);
        held = session.heldCount;
        problem = session.problem?.replaceAll(folder, 'FOLDER') ?? null;
        if (!ends) await session.kill();
      } finally {
        end();
      }
      if (ends) {
        await session.ask(2);
        await session.kill();
      }
      const { faults } = await checkStore(folder, session.ledger);
      const unseen = held === 0 ? ['the fault was never met'] : [];
      const left = ends ? session.heldCount : held;
      return {
        fault,
        skipped: null,
        faults: [...faults, ...unseen, ...(ends && left > 0 ? ['not all was written in the end'] : [])],
        problem,
        heldAndWritten: ends ? held : 0,
        heldWhenKilled: ends ? 0 : left,
      };
    } finally {
      clear(folder);
    }
  });
}

/** A folder that has become read-only while nothing ran: its sessions are read, new answers are given and not kept. */
async function tryReadOnlyFolder(): Promise<FaultResult> {
  const fault = 'read-only folder at the start';
  return withBenchFolder(async (folder) => {
    const first = await FaultySession.open(folder);
    await first.ask(3);
    await first.client.shutdown();
    let writable: () => void;
    try {
      writable = makeReadOnly(folder);
    } catch (error) {
      return skippedResult(fault, error);
    }
    let problem: string | null;
    let held: number;
    try {
      const second = await FaultySession.open(folder, first.sessionId);
      await second.ask(2);
      held = second.heldCount;
      problem = second.problem?.replaceAll(folder, 'FOLDER') ?? null;
      await second.kill();
    } finally {
      writable();
    }
    const { faults } = await checkStore(folder, first.ledger);
    const unseen = problem === null ? ['the worker did not say that it cannot write'] : [];
    return { fault, skipped: null, faults: [...faults, ...unseen], problem, heldAndWritten: 0, heldWhenKilled: held };
  });
}

/** Also for the superuser, whom a mode does not stop. */
function makeReadOnly(folder: string): () => void {
  if (process.getuid?.() !== 0) {
    chmodSync(folder, 0o555);
    return () => chmodSync(folder, 0o755);
  }
  execFileSync('mount', ['--bind', folder, folder], { stdio: 'ignore' });
  execFileSync('mount', ['-o', 'remount,bind,ro', folder], { stdio: 'ignore' });
  return () => void execFileSync('umount', ['-l', folder], { stdio: 'ignore' });
}

function skippedResult(fault: string, error: unknown): FaultResult {
  const skipped = messageOf(error).split('\n')[0] ?? '';
  return { fault, skipped, faults: [], problem: null, heldAndWritten: 0, heldWhenKilled: 0 };
}

/** Writes until nothing more goes in. */
function fill(file: string): void {
  for (const size of [65_536, 4096]) {
    try {
      for (;;) writeFileSync(file, new Uint8Array(size), { flag: 'a' });
    } catch {
      // As full as with pieces of this size it gets.
    }
  }
}
