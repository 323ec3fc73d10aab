import { join } from 'node:path';
import { z } from 'zod';
import { variants } from '../../../src/protocol/packageManifest.ts';
import type { BenchEngine } from './benchEngine.ts';
import type { CodingSession, Mark } from './codingSession.ts';
import { LlamaEngine } from './llamaEngine.ts';
import { OwnEngine } from './ownEngine.ts';
import { TransformersEngine } from './transformersEngine.ts';

/** Every engine that is compared, with what it is called in tables and plots. */
export const engineLabels = {
  anchors8: 'anchors, ratio 8',
  anchors16: 'anchors, ratio 16',
  full: 'full caching, same engine',
  none: 'no caching, same engine',
  llamaQ4: 'node-llama-cpp, Q4_1',
  llamaQ8: 'node-llama-cpp, Q8_0',
  llamaShift: 'node-llama-cpp, Q4_1, window of 8k shifted',
  transformers: 'transformers.js, 4 bits',
} as const;
export type EngineName = keyof typeof engineLabels;
export const engineNames = Object.keys(engineLabels).filter((name): name is EngineName => name in engineLabels);

/** The base's window, in tokens. */
export const windowTokens = 8192;
/** Bytes of the keys and values of one token in half precision, which llama.cpp keeps them in: 30 layers, 3 heads of 64. */
const halfPrecisionRow = 2 * 2 * 30 * 3 * 64;

/** What a process of one engine is told. */
export const setupSchema = z.object({
  engine: z.enum(engineNames),
  variant: z.enum(variants),
  threads: z.int().min(1),
  /** The file of the session, and the folder of what engines save. */
  sessionFile: z.string(),
  stateFolder: z.string(),
  /** Entry points of the peers, and their files of the model. */
  llama: z.object({ entry: z.string(), Q8_0: z.string(), Q4_1: z.string() }).nullable(),
  transformers: z.object({ entry: z.string(), folder: z.string() }).nullable(),
});
export type Setup = z.infer<typeof setupSchema>;

export interface OpenedEngine {
  readonly engine: BenchEngine;
  readonly restoredBy: 'rows' | 'state';
}

/** Where an engine's saved session lies: rows of one file serve every length, llama.cpp has a file for each. */
export function statePath(setup: Setup, mark: Mark): string {
  switch (setup.engine) {
    case 'llamaQ4':
    case 'llamaQ8':
      return join(setup.stateFolder, `${setup.engine}-${mark.length}.state`);
    case 'llamaShift':
      return statePath({ ...setup, engine: 'llamaQ4' }, mark);
    case 'full':
    case 'none':
      // What was read is the same: one keeps it from turn to turn.
      return join(setup.stateFolder, 'full.db');
    case 'anchors8':
    case 'anchors16':
    case 'transformers':
      return join(setup.stateFolder, `${setup.engine}.db`);
  }
}

/** An engine that holds nothing but the pinned prefix. */
export async function openEngine(setup: Setup, session: CodingSession, longest: number): Promise<BenchEngine> {
  const { pinned } = session;
  switch (setup.engine) {
    case 'anchors8':
      return OwnEngine.create({ ...setup, caching: 8, pinned });
    case 'anchors16':
      return OwnEngine.create({ ...setup, caching: 16, pinned });
    case 'full':
    case 'none':
      return OwnEngine.create({ ...setup, caching: 'full', pinned }, longest > windowTokens);
    case 'llamaQ4':
    case 'llamaQ8':
    case 'llamaShift': {
      const engine = await openLlama(setup, session, longest);
      await engine.hold(pinned);
      return engine;
    }
    case 'transformers': {
      if (setup.transformers === null) throw new Error('transformers.js is not installed.');
      const { entry, folder } = setup.transformers;
      const engine = await TransformersEngine.create(entry, folder, setup.threads);
      await engine.hold(pinned);
      return engine;
    }
  }
}

async function openLlama(setup: Setup, session: CodingSession, longest: number): Promise<LlamaEngine> {
  if (setup.llama === null) throw new Error('node-llama-cpp is not installed.');
  const { entry, Q4_1, Q8_0 } = setup.llama;
  const isShifted = setup.engine === 'llamaShift';
  // Room for the question and its answer.
  const needed = longest + session.question.length + session.answer.length + 64;
  return LlamaEngine.create({
    entry,
    modelPath: setup.engine === 'llamaQ8' ? Q8_0 : Q4_1,
    threads: setup.threads,
    contextSize: isShifted ? windowTokens : Math.max(windowTokens, needed),
    bytesPerRow: halfPrecisionRow,
  });
}

/** The longest session that fits into the base's window. */
function longestFitting({ marks }: CodingSession): Mark {
  const mark = marks.filter(({ length }) => length <= windowTokens).at(-1);
  if (mark === undefined) throw new Error(`A session of up to ${windowTokens} tokens is needed.`);
  return mark;
}

/** An engine that holds a session by what was saved of it. */
export async function openSession(setup: Setup, session: CodingSession, mark: Mark): Promise<OpenedEngine> {
  const engine = await openEngine(setup, session, mark.length);
  if (engine instanceof OwnEngine) {
    const fitting = longestFitting(session);
    const isOverlong = setup.engine === 'full' && mark.length > windowTokens;
    const times = isOverlong ? Math.round(mark.tokens / fitting.tokens) : 1;
    if (mark.exchanges > 0)
      await engine.restore(statePath(setup, mark), isOverlong ? fitting.exchanges : mark.exchanges, times);
    return { engine, restoredBy: 'rows' };
  }
  if (engine instanceof LlamaEngine) {
    if (setup.engine === 'llamaShift') {
      const fitting = longestFitting(session);
      await engine.restore(statePath(setup, fitting));
      await engine.fill(session.exchanges.slice(fitting.exchanges).flat());
    } else if (mark.exchanges > 0) await engine.restore(statePath(setup, mark));
    return { engine, restoredBy: 'state' };
  }
  throw new Error(`${engineLabels[setup.engine]} cannot take a session that it has not read.`);
}
