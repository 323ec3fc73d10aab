/**
 * `kill -9` of the worker, and of the process that started it, at 200 moments: while it starts, carries an old file over,
 * reads, answers, writes, seals and spills. After each kill the store must open without a warning, be sound, and have every
 * exchange that was acknowledged, letter by letter. Then: full disk, limits, files that become read-only or locked, two
 * workers on one session; and the next answer of the built-in model against an uninterrupted run.
 *
 * Ends with exit code 1 where anything was lost. Needs the built-in package, and a POSIX system.
 */
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Random } from '../../src/engine/random.ts';
import { messageOf } from '../../src/protocol/errors.ts';
import { noArguments, readOptions } from '../../scripts/options.ts';
import { withBenchFolder } from './benchFiles.ts';
import { checkStore, type Checked } from './crash/checkStore.ts';
import type { CrashEvent } from './crash/crashEvents.ts';
import { killPlan, type CrashModel, type Kill } from './crash/crashPlan.ts';
import { tryFaults } from './crash/faults.ts';
import { runKill } from './crash/killRun.ts';
import { Ledger } from './crash/ledger.ts';
import { nextAnswer } from './crash/nextAnswer.ts';
import { schemaOf, writeOldStore } from './crash/oldStore.ts';
import { twoWriters } from './crash/twoWriters.ts';
import { printResult, progress } from './report.ts';

const options = readOptions({
  usage:
    'usage: npm run --silent crash -- [--quick] [--kills N] [--real N of them with the built-in model] [--seed N] [--no-faults]',
  options: {
    quick: { type: 'boolean' },
    kills: { type: 'string' },
    real: { type: 'string' },
    seed: { type: 'string' },
    'no-faults': { type: 'boolean' },
  },
  schema: z
    .object({
      quick: z.boolean().default(false),
      kills: z.coerce.number().int().min(0).optional(),
      real: z.coerce.number().int().min(0).optional(),
      seed: z.coerce.number().int().default(1),
      'no-faults': z.boolean().default(false),
      _: noArguments,
    })
    .transform(({ kills, real, ...rest }) => ({
      ...rest,
      kills: kills ?? (rest.quick ? 32 : 200),
      real: real ?? (rest.quick ? 4 : 20),
    })),
});

/** Exchanges of each session of the old file: so many that carrying them over takes a while. */
const oldExchanges = 1500;

/** A new session is begun after so many kills. */
const sessionKills = 12;

const random = new Random(options.seed);
const faults: string[] = [];
const counts = new Map<string, { kills: number; acknowledged: number }>();
const schemasAtKill: Record<string, number> = {};

const result = await withBenchFolder(async (root) => {
  const folders = { fake: join(root, 'fake'), real: join(root, 'real'), old: join(root, 'old') };
  for (const folder of Object.values(folders)) await mkdir(folder);
  const old = writeOldStore(folders.old, oldExchanges);
  const ledgers = { fake: new Ledger(), real: new Ledger() };
  const sessions = new Map<CrashModel, string>();
  let stored: Checked | null = null;
  for (const kill of killPlan(options.kills, options.real, options.seed)) {
    const before = faults.length;
    if (kill.moment === 'migrating') await killMigrating(kill, folders.old, old);
    else {
      const checked = await killWriting(kill, folders[kill.model], ledgers[kill.model], sessions);
      if (kill.model === 'fake') stored = checked;
    }
    const words = `${kill.number + 1} of ${options.kills}: ${kill.target} (${kill.model}) while ${kill.moment}`;
    progress(`${words}: ${faults.length === before ? 'nothing lost' : faults.slice(before).join('; ')}`);
  }
  const injected = options['no-faults'] ? [] : await tryFaults();
  const two = await twoWriters(options.quick ? 20 : 60);
  const session = sessions.get('real');
  const next = session === undefined ? null : await nextAnswer(folders.real, session);
  const lost =
    faults.length +
    injected.reduce((sum, each) => sum + each.faults.length, 0) +
    two.faults.length +
    (next === null || next.isSame ? 0 : 1);
  return {
    lost,
    acknowledged: ledgers.fake.count + ledgers.real.count,
    stored: { exchanges: stored?.exchanges ?? 0, spilled: stored?.spilled ?? 0 },
    byMoment: Object.fromEntries(counts),
    schemaWhenKilledMigrating: schemasAtKill,
    faults,
    injected,
    twoWriters: two,
    nextAnswer: next,
  };
});
printResult({ kills: options.kills, real: options.real, seed: options.seed, ...result });
process.exitCode = result.lost === 0 ? 0 : 1;

/** @returns what the store has afterwards, acknowledged or not. */
async function killWriting(
  kill: Kill,
  folder: string,
  ledger: Ledger,
  sessions: Map<CrashModel, string>,
): Promise<Checked> {
  if (kill.model === 'fake' && kill.number % sessionKills === 0) sessions.delete('fake');
  const sessionId = sessions.get(kill.model) ?? null;
  const known = sessionId === null ? [] : ledger.of(sessionId);
  const questions = kill.questions.map(({ edits, ...question }) => {
    const edited = edits ? known[random.integer(0, known.length - 1)] : undefined;
    return { ...question, edits: edited?.id ?? null, inherited: edited?.attached ?? '' };
  });
  const events = await run(kill, { folder, model: kill.model, sessionId, questions });
  for (const event of events) {
    if (event.kind === 'session') sessions.set(kill.model, event.id);
    else if (event.kind === 'acknowledged') ledger.add(event.exchange);
    else if (event.kind === 'problem') faults.push(`kill ${kill.number}: ${event.message}`);
  }
  // Nothing of a session is in the list before it has an exchange, and then its text is all that matters.
  const checked = await checkStore(folder, ledger);
  faults.push(...checked.faults.map((fault) => `kill ${kill.number}: ${fault}`));
  return checked;
}

/** Each time a copy of the same old file. */
async function killMigrating(kill: Kill, old: string, written: ReturnType<typeof writeOldStore>): Promise<void> {
  await withBenchFolder(async (folder) => {
    await copyFile(join(old, 'sessions.sqlite'), join(folder, 'sessions.sqlite'));
    await run(kill, { folder, model: 'fake', sessionId: null, questions: [] });
    const ledger = new Ledger();
    for (const exchange of written) ledger.add(exchange);
    const schema = `schema ${schemaOf(folder)}`;
    schemasAtKill[schema] = (schemasAtKill[schema] ?? 0) + 1;
    const { faults: found } = await checkStore(folder, ledger);
    faults.push(...found.map((fault) => `kill ${kill.number}: ${fault}`));
  });
}

async function run(kill: Kill, drive: Parameters<typeof runKill>[1]): Promise<CrashEvent[]> {
  const name = `${kill.moment}, ${kill.target}`;
  const count = counts.get(name) ?? { kills: 0, acknowledged: 0 };
  try {
    const events = await runKill(kill, drive);
    const acknowledged = events.filter((event) => event.kind === 'acknowledged').length;
    counts.set(name, { kills: count.kills + 1, acknowledged: count.acknowledged + acknowledged });
    return events;
  } catch (error) {
    faults.push(`kill ${kill.number}: ${messageOf(error)}`);
    return [];
  }
}
