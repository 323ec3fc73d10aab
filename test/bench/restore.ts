/**
 * A session of 32k tokens of text that was closed, against the same session never closed, and against reading its text
 * again: milliseconds from a question to the first token of its answer.
 *
 * A question asked at once after a restart has to wait for the session's anchors; the editor opens the session when its
 * window opens, and idle time places them. Both are measured, in this process and through a worker of its own. Needs the
 * built-in package.
 */
import { cpus } from 'node:os';
import { z } from 'zod';
import { variants } from '../../src/protocol/packageManifest.ts';
import type { Sessions } from '../../src/worker/sessions.ts';
import { defaultHeldRows } from '../../src/protocol/worker.ts';
import { noArguments, readOptions } from '../../scripts/options.ts';
import { builtInLoad } from './benchWorker.ts';
import { longConversation, openModel, sealWhole, sessionOf, withSessions } from './longSession.ts';
import { median, printResult, progress, rounded } from './report.ts';
import {
  LocalSession,
  over,
  questionAt,
  restoreAtOnce,
  restoreWhenOpened,
  summary,
  type FirstToken,
  type InWorker,
} from './restoreArms.ts';
import { bytesOnDisk, dropFromCache, measureParts, removeAnchors } from './restoreParts.ts';

const options = readOptions({
  usage:
    'usage: npm run --silent restore -- [--quick] [--tokens N of the session] [--questions N] [--ratio R] [--variant NAME] [--budget MB] [--held-rows N] [--no-reading]',
  options: {
    quick: { type: 'boolean' },
    tokens: { type: 'string' },
    questions: { type: 'string' },
    ratio: { type: 'string' },
    variant: { type: 'string' },
    budget: { type: 'string' },
    'held-rows': { type: 'string' },
    'no-reading': { type: 'boolean' },
  },
  schema: z
    .object({
      quick: z.boolean().default(false),
      tokens: z.coerce.number().int().min(500).optional(),
      questions: z.coerce.number().int().min(1).max(30).optional(),
      ratio: z.coerce.number().int().min(1).default(8),
      variant: z.enum(variants).default('int8'),
      budget: z.coerce.number().min(48).default(512),
      'held-rows': z.coerce.number().int().min(0).default(defaultHeldRows),
      'no-reading': z.boolean().default(false),
      _: noArguments,
    })
    .transform(({ tokens, questions, ...rest }) => ({
      ...rest,
      tokens: tokens ?? (rest.quick ? 4_000 : 32_000),
      questions: questions ?? (rest.quick ? 3 : 7),
    })),
});

const { variant, ratio, budget: budgetMB, 'held-rows': heldRows } = options;
const model = await openModel({ variant, ratio, budgetMB, heldRows });
const session = sessionOf(model, await longConversation(model, options.tokens, []));
const questions = Array.from({ length: options.questions }, (_, n) => questionAt(n));
const result = await withSessions(async (open, folder) => {
  const sealing = await open();
  sealing.import(session, new Map());
  await sealWhole(sealing, session.id, model);
  const { memory } = sealing.open(session.id, model);
  const held = { sequences: memory.sequences.length, textTokens: memory.textTokens, kvRows: memory.context.rows };

  let last = await addPlaceholder(sealing);
  const never: Record<string, FirstToken[]> = {};
  const again: Record<string, FirstToken[]> = {};
  for (const rereadTokens of [0, 512]) {
    never[rereadTokens] = await asked(sealing, rereadTokens, questions);
  }
  sealing.end();
  const disk = bytesOnDisk(folder);
  for (const rereadTokens of [0, 512]) {
    const measured: FirstToken[] = [];
    for (const question of questions) {
      const sessions = await open();
      measured.push(...(await asked(sessions, rereadTokens, [question])));
      sessions.end();
    }
    again[rereadTokens] = measured;
  }
  const parts = await measureParts(folder, model, session.id);
  // A worker beside this process's model: the two must not take turns at the memory.
  await model.dispose();
  const workers: Record<string, object> = {};
  for (const rereadTokens of [0, 512]) workers[`rereadTokens${rereadTokens}`] = await inWorkers(folder, rereadTokens);
  const readMs = options['no-reading'] ? null : await reading(open, folder);
  return {
    ...held,
    disk,
    ...inThisProcess(never, again),
    atOnceParts: parts,
    worker: workers,
    ...ofReading(readMs, again),
  };

  /** The question before all others: they take its place. */
  async function addPlaceholder(sessions: Sessions): Promise<string> {
    const first = await new LocalSession(sessions, { ...model, rereadTokens: 0 }, session.id).ask(
      'Are you there?',
      null,
    );
    return first.exchangeId;
  }

  async function asked(sessions: Sessions, rereadTokens: number, all: readonly string[]): Promise<FirstToken[]> {
    const local = new LocalSession(sessions, { ...model, rereadTokens }, session.id);
    const out: FirstToken[] = [];
    for (const question of all) {
      const one = await local.ask(question, last);
      last = one.exchangeId;
      out.push(one);
    }
    return out;
  }

  async function inWorkers(at: string, rereadTokens: number): Promise<object> {
    const load = { ...builtInLoad, variant, ratio, budgetMB, heldRows, rereadTokens };
    const where = (): InWorker => ({ folder: at, load, id: session.id, edits: last });
    const atOnce: FirstToken[] = [];
    const fromDisk: FirstToken[] = [];
    const neverClosed: FirstToken[] = [];
    for (const [n, question] of questions.slice(0, 5).entries()) {
      for (const into of [atOnce, fromDisk]) {
        if (into === fromDisk && !dropFromCache(at)) continue;
        const more = n === 0 && into === atOnce ? questions : [];
        const restored = await restoreAtOnce(where(), [question, ...more]);
        ({ last } = restored);
        into.push(...restored.asked.slice(0, 1));
        neverClosed.push(...restored.asked.slice(1));
      }
    }
    const opened = await restoreWhenOpened(where(), questions);
    ({ last } = opened);
    const [first] = opened.asked;
    const arms = {
      neverClosed: summary(`worker, never closed (${rereadTokens})`, neverClosed),
      restoredAtOnce: summary(`worker, at once (${rereadTokens})`, atOnce),
      restoredAtOnceFromDisk:
        fromDisk.length === 0 ? null : summary(`worker, from the disk (${rereadTokens})`, fromDisk),
      restoredInIdleTime: summary(`worker, opened before (${rereadTokens})`, opened.asked),
      firstAfterOpeningMs: first === undefined ? null : rounded(first.ms, 3),
      placingMs: rounded(opened.placingMs, 3),
    };
    return {
      ...arms,
      atOnceOverNeverClosed: over(atOnce, neverClosed),
      openedOverNeverClosed: over(opened.asked, neverClosed),
    };
  }
});
printResult({
  variant,
  ratio,
  budgetMB,
  heldRows,
  processor: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`,
  ...result,
});

function inThisProcess(never: Record<string, FirstToken[]>, again: Record<string, FirstToken[]>): object {
  const sameProcess: Record<string, object> = {};
  for (const rereadTokens of [0, 512]) {
    const [a, b] = [never[rereadTokens] ?? [], again[rereadTokens] ?? []];
    sameProcess[`rereadTokens${rereadTokens}`] = {
      neverClosed: summary(`never closed (${rereadTokens})`, a),
      restoredAtOnce: summary(`restored at once (${rereadTokens})`, b),
      atOnceOverNeverClosed: over(b, a),
    };
  }
  return { sameProcess };
}

/** The text is read again, by stride, before the question: nothing of it is stored. */
async function reading(open: () => Promise<Sessions>, folder: string): Promise<number> {
  removeAnchors(folder);
  const fresh = await openModel({ variant, ratio, budgetMB, heldRows });
  const sessions = await open();
  progress(`reading ${options.tokens} tokens again`);
  const { ms } = await new LocalSession(sessions, { ...fresh, rereadTokens: 0 }, session.id).ask(questionAt(0), null);
  sessions.end();
  await fresh.dispose();
  return ms;
}

function ofReading(readMs: number | null, again: Record<string, FirstToken[]>): object {
  if (readMs === null) return {};
  const restored = median((again[0] ?? []).map(({ ms }) => ms));
  return { readAgainMs: rounded(readMs), readAgainOverAtOnce: rounded(readMs / restored, 3) };
}
