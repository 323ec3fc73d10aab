/**
 * A session of 500 turns that are all as much work, with the built-in model, through a worker process as the editor runs
 * it, inside a fixed budget: how much longer the first token and those after it take at its end than at turn 5.
 *
 * Ends with exit code 1 where the budget was exceeded or something failed. `--svg FILE` draws it. Needs the built-in package.
 */
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { z } from 'zod';
import { loadPackage } from '../../src/engine/modelPackage.ts';
import { variants } from '../../src/protocol/packageManifest.ts';
import { defaultHeldRows } from '../../src/protocol/worker.ts';
import { noArguments, readOptions } from '../../scripts/options.ts';
import { withBenchFolder } from './benchFiles.ts';
import { BenchWorker, builtInLoad } from './benchWorker.ts';
import {
  byRows,
  compared,
  flatColumns,
  flatPlot,
  freshTurns,
  isWithin,
  most,
  ofKind,
  type FlatSample,
} from './flatSummary.ts';
import { flatTurns, type FlatTurn } from './flatTurns.ts';
import { heldoutTexts } from './heldout.ts';
import { residentBytes } from './processMemory.ts';
import { builtInPackage, printResult, progress, rounded } from './report.ts';

const options = readOptions({
  usage:
    'usage: npm run --silent flat -- [--quick] [--turns N] [--budget MB] [--held-rows N] [--tokens N of an answer] [--note N tokens] [--variant NAME] [--svg FILE]',
  options: {
    quick: { type: 'boolean' },
    turns: { type: 'string' },
    budget: { type: 'string' },
    'held-rows': { type: 'string' },
    tokens: { type: 'string' },
    note: { type: 'string' },
    variant: { type: 'string' },
    svg: { type: 'string' },
  },
  schema: z
    .object({
      quick: z.boolean().default(false),
      turns: z.coerce.number().int().min(20).optional(),
      budget: z.coerce.number().min(48).default(64),
      'held-rows': z.coerce.number().int().min(0).default(defaultHeldRows),
      tokens: z.coerce.number().int().min(2).default(24),
      note: z.coerce.number().int().min(8).max(200).default(48),
      variant: z.enum(variants).default('int8'),
      svg: z.string().optional(),
      _: noArguments,
    })
    .transform(({ turns, ...rest }) => ({ ...rest, turns: turns ?? (rest.quick ? 60 : 500) })),
});

const { tokenizer } = await loadPackage(builtInPackage);
const turns = flatTurns(options.turns, await mixedTexts(), {
  tokens: options.note,
  count: (text) => tokenizer.encodeText(text).length,
});
const samples: FlatSample[] = [];
const fresh: FlatSample[] = [];
let largest = 0;
let textTokens = 0;
/** Notes that were asked for, and of these those that were read again. */
const recalled = { asked: 0, readAgain: 0 };

const problems = await withBenchFolder(async (folder) => {
  const { variant, budget: budgetMB, 'held-rows': heldRows } = options;
  const load = { ...builtInLoad, variant, budgetMB, heldRows };
  const worker = await BenchWorker.start(folder, load);
  await run(worker, turns, samples);
  await run(worker, turns.slice(0, freshTurns), fresh);
  await worker.client.shutdown();
  return worker.problems;
});
if (options.svg !== undefined) await writeFile(options.svg, flatPlot(samples, options.budget));
const isHeld = largest <= options.budget * 1e6;
const sessions = { samples, fresh };
const ratios = {
  tell: compared(
    sessions,
    ofKind('tell', (sample) => sample.firstTokenMs),
  ),
  ask: compared(
    sessions,
    ofKind('ask', (sample) => sample.firstTokenMs),
  ),
  decode: compared(sessions, (sample) => sample.decodeMs),
};
printResult({
  variant: options.variant,
  processor: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`,
  turns: turns.length,
  textTokens,
  budgetMB: options.budget,
  heldRows: options['held-rows'],
  budgetHeld: isHeld,
  largestBudgetUsedMB: rounded(largest / 1e6),
  problems,
  recalled,
  most,
  isWithin: Object.values(ratios).every((ratio) => ratio !== null && isWithin(ratio)),
  firstTokenMs: { tell: ratios.tell, ask: ratios.ask },
  decodeMs: ratios.decode,
  turnMs: compared(sessions, (sample) => sample.turnMs),
  rows: compared(sessions, (sample) => sample.rows),
  readTokens: {
    tell: compared(
      sessions,
      ofKind('tell', (sample) => sample.readTokens),
    ),
    ask: compared(
      sessions,
      ofKind('ask', (sample) => sample.readTokens),
    ),
  },
  rssMB: compared(sessions, (sample) => sample.rssMB),
  byRows: byRows(samples),
  perTurn: flatColumns(samples),
});
process.exitCode = isHeld && problems.length === 0 ? 0 : 1;

/** Prose and code by turns, enough for 500 notes that do not repeat each other: a note told before would be read again. */
async function mixedTexts(): Promise<string[]> {
  const texts = await heldoutTexts();
  const [prose, code] = ['prose', 'code'].map((wanted) => texts.filter(({ kind }) => kind === wanted));
  return (prose ?? [])
    .flatMap((text, index) => [text, ...(code ?? []).slice(index, index + 1)])
    .map(({ text }) => text);
}

/** Has the turns asked in a new session. */
async function run(worker: BenchWorker, asked: readonly FlatTurn[], into: FlatSample[]): Promise<void> {
  const sessionId = await worker.createSession();
  let rows = 0;
  for (const [index, turn] of asked.entries()) {
    rows = await ask(worker, sessionId, turn, { rows, into });
    if (index % 10 === 9) tell(index + 1, rows, into);
  }
}

/** @returns rows that the session holds afterwards. */
async function ask(
  worker: BenchWorker,
  sessionId: string,
  { kind, question }: FlatTurn,
  { rows, into }: { readonly rows: number; readonly into: FlatSample[] },
): Promise<number> {
  const { done, view } = await worker.afterIdle(sessionId, () =>
    worker.ask(sessionId, { question, maxTokens: options.tokens }),
  );
  const { usage, stopReason, rehydrated } = done.exchange;
  // The first token comes of the question; the one that ends an answer is decoded and not counted.
  const decoded = usage.answerTokens - (stopReason === 'endOfText' ? 0 : 1);
  const rss = worker.client.pid === undefined ? null : residentBytes(worker.client.pid);
  into.push({
    kind,
    firstTokenMs: done.firstTokenMs,
    decodeMs: decoded < 1 ? null : usage.decodeMs / decoded,
    turnMs: done.totalMs,
    rows,
    readTokens: usage.promptTokens + rehydrated.reduce((sum, { tokens }) => sum + tokens, 0),
    budgetUsedMB: view.budgetUsed / 1e6,
    rssMB: rss === null ? null : rss / 1e6,
  });
  if (kind === 'ask' && into === samples) {
    recalled.asked++;
    if (rehydrated.length > 0) recalled.readAgain++;
  }
  if (into === samples) ({ textTokens } = view);
  largest = Math.max(largest, view.budgetLargest);
  return view.kvRows;
}

function tell(done: number, rows: number, of: readonly FlatSample[]): void {
  const { firstTokenMs = 0, budgetUsedMB = 0 } = of.at(-1) ?? {};
  const held = `${rows} rows, ${budgetUsedMB.toFixed(1)} of ${options.budget} MB`;
  progress(`${done} of ${turns.length}: first token in ${firstTokenMs.toFixed(0)} ms, ${held}`);
}
