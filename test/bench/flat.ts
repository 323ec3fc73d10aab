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
  freshSessions,
  freshTurns,
  isWithin,
  most,
  ofKind,
} from './flatSummary.ts';
import { FlatConversation } from './flatConversation.ts';
import { flatTurns } from './flatTurns.ts';
import { mixedTexts } from './heldout.ts';
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
const note = { tokens: options.note, count: (text: string) => tokenizer.encodeText(text).length };
// Enough for 500 notes that do not repeat each other: a note told before would be read again.
const texts = (await mixedTexts()).map(({ text }) => text);
const turns = flatTurns(options.turns, texts, note);

const problems: string[] = [];
const [long, ...others] = await withBenchFolder(async (folder) => {
  const { variant, budget: budgetMB, 'held-rows': heldRows } = options;
  const worker = await BenchWorker.start(folder, { ...builtInLoad, variant, budgetMB, heldRows });
  const conversations = await run(worker);
  await worker.client.shutdown();
  problems.push(...worker.problems);
  return conversations;
});
const { samples } = long;
const largest = Math.max(...[long, ...others].map((each) => each.largest));
const asked = samples.filter(({ kind }) => kind === 'ask');
if (options.svg !== undefined) await writeFile(options.svg, flatPlot(samples, options.budget));
const isHeld = largest <= options.budget * 1e6;
const sessions = { samples, fresh: others.map((each) => each.samples) };
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
  textTokens: long.textTokens,
  budgetMB: options.budget,
  heldRows: options['held-rows'],
  budgetHeld: isHeld,
  largestBudgetUsedMB: rounded(largest / 1e6),
  problems,
  recalled: { asked: asked.length, readAgain: asked.filter(({ readAgain }) => readAgain > 0).length },
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

/** Asks the turns in a new session, and between the last of them the first ones of others. */
async function run(worker: BenchWorker): Promise<[FlatConversation, ...FlatConversation[]]> {
  const maxTokens = options.tokens;
  const session = await FlatConversation.start(worker, { turns, maxTokens });
  const next = async (): Promise<void> => {
    await session.next();
    const { length } = session.samples;
    const { firstTokenMs = 0, rows = 0, budgetUsedMB = 0 } = session.samples.at(-1) ?? {};
    const held = `${rows} rows, ${budgetUsedMB.toFixed(1)} of ${options.budget} MB`;
    if (length % 10 === 0)
      progress(`${length} of ${turns.length}: first token in ${firstTokenMs.toFixed(0)} ms, ${held}`);
  };
  while (session.samples.length < turns.length - freshSessions * freshTurns) await next();
  const beside: FlatConversation[] = [];
  for (let number = 1; number <= freshSessions; number++) {
    const first = flatTurns(freshTurns, texts.slice(number), { ...note, seed: number + 1 });
    const fresh = await FlatConversation.start(worker, { turns: first, maxTokens });
    for (let turn = 0; turn < freshTurns; turn++) {
      await next();
      await fresh.next();
    }
    beside.push(fresh);
  }
  return [session, ...beside];
}
