/**
 * A session of 1,000 turns with the built-in model, through a worker process as the editor runs it, inside a budget of
 * 64 MB: whether the budget held, and whether turns stay as quick as the first ones.
 *
 * Ends with exit code 1 where the budget was exceeded or something failed. `--svg FILE` draws it. Needs the built-in package.
 */
import { stat, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { variants } from '../../src/protocol/packageManifest.ts';
import { defaultHeldRows } from '../../src/protocol/worker.ts';
import { noArguments, readOptions } from '../../scripts/options.ts';
import { BenchWorker, builtInLoad, type Asked } from './benchWorker.ts';
import { heldoutTexts } from './heldout.ts';
import { residentBytes } from './processMemory.ts';
import { printResult, progress, rounded } from './report.ts';
import { columns, firstTokenMsPerToken, flatness, soakPlot, type SoakSample } from './soakSummary.ts';
import { soakTurns, type SoakTurn } from './soakTurns.ts';
import { sourceFiles, withBenchFolder } from './benchFiles.ts';

const options = readOptions({
  usage:
    'usage: npm run --silent soak -- [--quick] [--turns N] [--budget MB] [--held-rows N] [--tokens N of an answer] [--pause MS instead of waiting for idle work] [--variant NAME] [--svg FILE]',
  options: {
    quick: { type: 'boolean' },
    turns: { type: 'string' },
    budget: { type: 'string' },
    'held-rows': { type: 'string' },
    tokens: { type: 'string' },
    pause: { type: 'string' },
    variant: { type: 'string' },
    svg: { type: 'string' },
  },
  schema: z
    .object({
      quick: z.boolean().default(false),
      turns: z.coerce.number().int().min(3).optional(),
      budget: z.coerce.number().min(48).default(64),
      'held-rows': z.coerce.number().int().min(0).default(defaultHeldRows),
      tokens: z.coerce.number().int().min(1).default(24),
      pause: z.coerce.number().int().min(0).optional(),
      variant: z.enum(variants).default('int8'),
      svg: z.string().optional(),
      _: noArguments,
    })
    .transform(({ turns, ...rest }) => ({ ...rest, turns: turns ?? (rest.quick ? 60 : 1000) })),
});

const samples: SoakSample[] = [];
const recalled: { readonly ago: number; readonly isRight: boolean }[] = [];
/** Turns after which more was taken than the budget allows. */
const exceeded: number[] = [];
let largest = 0;
let textTokens = 0;

const turns = soakTurns(options.turns, {
  passages: (await heldoutTexts()).map(({ text }) => text),
  files: await sourceFiles(),
});
const problems = await withBenchFolder(async (folder) => {
  const worker = await BenchWorker.start(folder, {
    ...builtInLoad,
    variant: options.variant,
    budgetMB: options.budget,
    heldRows: options['held-rows'],
  });
  const sessionId = await worker.createSession();
  for (const [index, turn] of turns.entries()) await ask(worker, folder, sessionId, turn, index);
  await worker.client.shutdown();
  return worker.problems;
});
if (options.svg !== undefined) await writeFile(options.svg, soakPlot(samples, options.budget));
const last = samples.at(-1);
const isHeld = exceeded.length === 0 && largest <= options.budget * 1e6;
printResult({
  variant: options.variant,
  processor: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`,
  turns: turns.length,
  textTokens,
  budgetMB: options.budget,
  heldRows: options['held-rows'],
  budgetHeld: isHeld,
  largestBudgetUsedMB: rounded(largest / 1e6),
  turnsPastBudget: exceeded,
  problems,
  firstTokenMs: flatness(samples, (sample) => sample.firstTokenMs),
  readTokens: flatness(samples, (sample) => sample.readTokens),
  firstTokenMsPerToken: flatness(samples, firstTokenMsPerToken),
  decodeMsPerToken: flatness(samples, (sample) => sample.decodeMsPerToken),
  turnMs: flatness(samples, (sample) => sample.turnMs),
  idleMs: flatness(samples, (sample) => sample.idleMs),
  rssMB: flatness(samples, (sample) => sample.rssMB),
  storeMB: last?.storeMB,
  spilled: last?.spilled,
  anchored: last?.anchored,
  recalled: recallByDistance(),
  perTurn: columns(samples),
});
process.exitCode = isHeld && problems.length === 0 ? 0 : 1;

async function ask(worker: BenchWorker, folder: string, id: string, turn: SoakTurn, index: number): Promise<void> {
  const { question, attachments, recalls } = turn;
  const begin = performance.now();
  const asking = (): Promise<Asked> => worker.ask(id, { question, attachments, maxTokens: options.tokens });
  const { asked, view } = await (options.pause === undefined
    ? worker.afterIdle(id, asking).then(({ done, view: after }) => ({ asked: done, view: after }))
    : paused(asking, options.pause));
  const { exchange, firstTokenMs, totalMs, memory } = asked;
  if ([memory, view].some(({ budgetUsed, budget }) => budgetUsed > budget)) exceeded.push(index + 1);
  largest = Math.max(largest, view.budgetLargest);
  ({ textTokens } = view);
  const rss = worker.client.pid === undefined ? null : residentBytes(worker.client.pid);
  const inState = (state: string): number => view.sequences.filter((sequence) => sequence.state === state).length;
  const { promptTokens, answerTokens, decodeMs } = exchange.usage;
  samples.push({
    firstTokenMs,
    decodeMsPerToken: decodeMs / Math.max(1, answerTokens),
    turnMs: totalMs,
    idleMs: performance.now() - begin - totalMs,
    kvRows: view.kvRows,
    budgetUsedMB: view.budgetUsed / 1e6,
    rssMB: rss === null ? null : rss / 1e6,
    storeMB: (await storeBytes(folder)) / 1e6,
    spilled: inState('spilled'),
    anchored: inState('anchored'),
    readAgain: exchange.rehydrated.length,
    readTokens: promptTokens + exchange.rehydrated.reduce((sum, { tokens }) => sum + tokens, 0),
  });
  if (recalls !== null) recalled.push({ ago: recalls.ago, isRight: exchange.answer.includes(recalls.expected) });
  if (index % 10 !== 9) return;
  const done = `${index + 1} of ${turns.length}: first token in ${firstTokenMs.toFixed(0)} ms`;
  const held = `${(view.budgetUsed / 1e6).toFixed(1)} of ${options.budget} MB`;
  progress(`${done}, ${held}, ${inState('spilled')} spilled, ${inState('anchored')} anchored`);
}

async function paused(
  asking: () => Promise<Asked>,
  milliseconds: number,
): Promise<{ asked: Asked; view: Asked['memory'] }> {
  const asked = await asking();
  await sleep(milliseconds);
  return { asked, view: asked.memory };
}

async function storeBytes(folder: string): Promise<number> {
  let bytes = 0;
  for (const end of ['', '-wal']) {
    bytes += await stat(join(folder, `sessions.sqlite${end}`)).then(
      ({ size }) => size,
      () => 0,
    );
  }
  return bytes;
}

/** Exact answers to questions about what was said so many turns ago. */
function recallByDistance(): object {
  const within = (from: number, to: number): object => {
    const asked = recalled.filter(({ ago }) => ago >= from && ago <= to);
    return { turnsAgo: [from, to], asked: asked.length, right: asked.filter(({ isRight }) => isRight).length };
  };
  return [within(1, 10), within(11, 100), within(101, 1000)];
}
