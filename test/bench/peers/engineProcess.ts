/**
 * One engine in a process of its own: `node engineProcess.ts SETUP TASK` (engines.ts, engineTasks.ts) prints one JSON
 * line.
 */
import { readFile } from 'node:fs/promises';
import { median, printResult } from '../report.ts';
import type { BenchEngine } from './benchEngine.ts';
import { codingSessionSchema, type Mark } from './codingSession.ts';
import { openEngine, openSession, setupSchema, statePath } from './engines.ts';
import { taskSchema, type Grown, type Measured, type Task } from './engineTasks.ts';

/** Questions whose times are taken. */
const asked = 3;

const setup = setupSchema.parse(JSON.parse(process.argv[2] ?? ''));
const task = taskSchema.parse(JSON.parse(process.argv[3] ?? ''));
const session = codingSessionSchema.parse(JSON.parse(await readFile(setup.sessionFile, 'utf8')));
const result = await done(task);
printResult({ result, cpuSeconds: cpuSeconds() });
// Native threads of the peers would keep the process.
process.exit(0);

async function done(what: Task): Promise<object> {
  if ('grow' in what) return grow(what);
  if ('predict' in what) return { predicted: await predict(markOf(what.predict)) };
  return restored(markOf(what.measure));
}

function markOf(length: number): Mark {
  const mark = session.marks.find((each) => each.length === length);
  if (mark === undefined) throw new Error(`The session has no length of ${length} tokens.`);
  return mark;
}

async function grow({
  grow: lengths,
  save,
  measure: isMeasured,
}: {
  grow: readonly number[];
  save: boolean;
  measure: boolean;
}): Promise<Grown> {
  const engine = await openEngine(setup, session, Math.max(...lengths));
  const marks: Grown['marks'] = [];
  // What was measured on the way is no part of the reading.
  const startMs = performance.now();
  let readMs = 0;
  let readCpu = 0;
  let heldExchanges = 0;
  for (const mark of lengths.map(markOf)) {
    const began = performance.now();
    const cpuBegan = cpuSeconds();
    for (const exchange of session.exchanges.slice(heldExchanges, mark.exchanges)) await engine.hold(exchange);
    heldExchanges = mark.exchanges;
    readMs += performance.now() - began;
    readCpu += cpuSeconds() - cpuBegan;
    const askCpu = cpuSeconds();
    const { firstTokenMs } = await engine.answer(session.question, []);
    const coldFirstTokenMs = readMs + firstTokenMs;
    const times = { restoredBy: 'reading', restoredFirstTokenMs: startMs + coldFirstTokenMs } as const;
    marks.push({
      length: mark.length,
      coldFirstTokenMs,
      coldCpuSeconds: readCpu + cpuSeconds() - askCpu,
      peakMemoryMB: peakMemoryMB(),
      measured: isMeasured ? { ...times, ...(await measured(engine, mark)) } : null,
    });
    // Rows of one file serve every length; llama.cpp has a file for each.
    const isLast = mark.length === lengths.at(-1);
    if (save && engine.save !== null && (isLast || setup.engine.startsWith('llama')))
      await engine.save(statePath(setup, mark));
  }
  return { marks };
}

async function predict(mark: Mark): Promise<readonly number[]> {
  const engine = await openEngine(setup, session, mark.length);
  for (const exchange of session.exchanges.slice(0, mark.exchanges)) await engine.hold(exchange);
  return (await engine.answer(session.question, session.answer)).predicted;
}

async function restored(mark: Mark): Promise<Measured> {
  const { engine, restoredBy } = await openSession(setup, session, mark);
  await engine.answer(session.question, []);
  // The clock began with the process.
  const restoredFirstTokenMs = performance.now();
  return { restoredBy, restoredFirstTokenMs, ...(await measured(engine, mark)) };
}

async function measured(
  engine: BenchEngine,
  mark: Mark,
): Promise<Omit<Measured, 'restoredBy' | 'restoredFirstTokenMs'>> {
  const { question, answer, reading } = session;
  const firstTokenMs: number[] = [];
  const stepMs: number[] = [];
  const seconds: number[] = [];
  let predicted: readonly number[] = [];
  for (let n = 0; n < asked; n++) {
    const before = cpuSeconds();
    const timed = await engine.answer(question, answer);
    seconds.push(cpuSeconds() - before);
    firstTokenMs.push(timed.firstTokenMs);
    stepMs.push(...timed.stepMs);
    ({ predicted } = timed);
  }
  const { rows, bytes, reservedBytes } = engine.keysValues();
  // Before the reading: it is no part of a turn.
  const peak = peakMemoryMB();
  const readMs: number[] = [];
  if (mark.exchanges === 0) {
    for (let n = 0; n < asked; n++) readMs.push((await engine.answer(reading, [])).firstTokenMs);
  }
  return {
    length: mark.length,
    textTokens: mark.tokens,
    firstTokenMs: median(firstTokenMs),
    decodeMsPerToken: median(stepMs),
    cpuSecondsPerAnswer: median(seconds),
    kvRows: rows,
    kvBytes: bytes,
    kvReservedBytes: reservedBytes,
    peakMemoryMB: peak,
    readTokensPerSecond: readMs.length === 0 ? null : reading.length / (median(readMs) / 1000),
    predicted: [...predicted],
  };
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function peakMemoryMB(): number {
  return (process.resourceUsage().maxRSS * 1024) / 1e6;
}
