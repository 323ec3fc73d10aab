import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AnchorageError, messageOf } from '../../../src/protocol/errors.ts';
import type { Variant } from '../../../src/protocol/packageManifest.ts';
import { loadPackage } from '../../../src/engine/modelPackage.ts';
import { loadOnnxRuntime, physicalCores } from '../../../src/engine/onnxRuntime.ts';
import { readBandwidth, weightBytes } from '../profileRuns.ts';
import { builtInPackage, progress } from '../report.ts';
import { agreement, wantedAgreement, type Agreement } from './agreement.ts';
import { codingSession } from './codingSession.ts';
import { engineLabels, windowTokens, type EngineName, type Setup } from './engines.ts';
import type { Grown, Measured } from './engineTasks.ts';
import { preparePeerModels } from './peerModels.ts';
import { preparePeers } from './peerPackages.ts';
import { EngineRunner } from './runEngine.ts';

export interface ComparisonOptions {
  readonly engines: readonly EngineName[];
  readonly rounds: number;
  /** Tokens of the session, ascending; 0 is an empty context. */
  readonly lengths: readonly number[];
  readonly answerTokens: number;
  readonly variant: Variant;
  /** An empty folder for the session and what engines save of it. */
  readonly folder: string;
}

export interface Sample extends Measured {
  readonly engine: EngineName;
  readonly round: number;
}

export type ColdSample = Omit<Grown['marks'][number], 'measured'> & {
  readonly engine: EngineName;
  readonly round: number;
};

export interface Comparison {
  readonly threads: number;
  /** Share of the machine's processors that other programs took meanwhile. */
  readonly othersShare: number;
  /** Bytes of a variant's weights, all of which a step reads. */
  readonly weightBytes: number;
  /** Bytes a second that the processors read of memory, by round. */
  readonly bandwidths: readonly number[];
  readonly samples: readonly Sample[];
  readonly cold: readonly ColdSample[];
  readonly agreement: readonly Agreement[];
  /** What was left out, and why. */
  readonly problems: readonly string[];
}

/** Those that read a session again for every round, so that this time is compared within rounds too. */
const readAnew: readonly EngineName[] = ['none', 'llamaQ4', 'llamaQ8', 'transformers'];
/** Those whose sessions others read. */
const neverRead: readonly EngineName[] = ['full', 'llamaShift'];
/** Those that are read no longer sessions of than fit into the base's window: they would take very long. */
const bounded: readonly EngineName[] = ['none', 'llamaQ8', 'transformers'];

/**
 * Every engine at every length, in turns, each in a process of its own. What an engine saved of a session in the first
 * round serves the rounds after it.
 */
export async function compare(options: ComparisonOptions): Promise<Comparison> {
  const { rounds, lengths, variant, folder } = options;
  const { peers, problems } = await openPeers(options.engines);
  const engines = options.engines.filter((engine) => {
    if (engine.startsWith('llama')) return peers.llama !== null;
    return engine !== 'transformers' || peers.transformers !== null;
  });
  const pkg = await loadPackage(builtInPackage);
  const sessionFile = join(folder, 'session.json');
  const session = await codingSession(pkg, lengths, options.answerTokens);
  await writeFile(sessionFile, JSON.stringify(session));
  const threads = physicalCores();
  const setup = (engine: EngineName): Setup => {
    return { engine, variant, threads, sessionFile, stateFolder: folder, ...peers };
  };
  const runner = await EngineRunner.create(folder);
  const samples: Sample[] = [];
  const cold: ColdSample[] = [];
  const failed = new Set<EngineName>();
  const attempt = async (engine: EngineName, what: string, work: () => Promise<string>): Promise<void> => {
    if (failed.has(engine)) return;
    try {
      progress(`${what}, ${engineLabels[engine]}: ${await work()}`);
    } catch (error) {
      if (AnchorageError.is(error, 'cancelled')) throw error;
      failed.add(engine);
      problems.push(`${engineLabels[engine]} is left out from ${what} on: ${messageOf(error)}`);
      progress(problems.at(-1) ?? '');
    }
  };

  const held = lengths.filter((length) => length > 0);
  const fitting = held.filter((length) => length <= windowTokens);
  const reference = { ...setup('full'), variant: 'fp32' } as const;
  const checkedAt = held[0] ?? 0;
  const expected = await runner.predict(reference, checkedAt);
  const ort = await loadOnnxRuntime();
  const bandwidths: number[] = [];
  for (let round = 0; round < rounds; round++) {
    bandwidths.push(await readBandwidth(ort, folder, threads));
    for (const engine of inTurn(engines, round)) {
      if (neverRead.includes(engine) || (round > 0 && !readAnew.includes(engine))) continue;
      const read = bounded.includes(engine) || round > 0 ? fitting : held;
      // What cannot be saved is measured where it was read.
      const isMeasured = engine === 'transformers';
      await attempt(engine, `round ${round + 1}, reading`, async () => {
        const asked = isMeasured ? lengths.filter((length) => length <= windowTokens) : read;
        const { marks } = await runner.grow(setup(engine), asked, { save: round === 0, measure: isMeasured });
        for (const { measured, ...mark } of marks) {
          if (mark.length > 0) cold.push({ ...mark, engine, round });
          if (measured !== null) samples.push({ ...measured, engine, round });
        }
        const texts = marks.map(
          ({ length, coldFirstTokenMs: ms, measured }) =>
            `${length} in ${(ms / 1000).toFixed(1)} s${measured === null ? '' : ` (${speedText(measured)})`}`,
        );
        return texts.join(', ');
      });
    }
    for (const length of lengths) {
      for (const engine of inTurn(engines, round)) {
        if (!isMeasuredAt(engine, length)) continue;
        await attempt(engine, `round ${round + 1}, ${length} tokens`, async () => {
          const measured = await runner.measure(setup(engine), length);
          samples.push({ ...measured, engine, round });
          return speedText(measured);
        });
      }
    }
  }
  const agreements = agreement(
    expected,
    samples.filter(({ length, round }) => length === checkedAt && round === 0),
  );
  for (const { engine, share } of agreements) {
    const wanted = wantedAgreement[engine];
    if (wanted === undefined || share >= wanted) continue;
    failed.add(engine);
    problems.push(
      `${engineLabels[engine]} is left out: it gives ${Math.round(100 * share)}% of the reference's tokens, not ${100 * wanted}%.`,
    );
  }
  const isRight = ({ engine }: { engine: EngineName }): boolean =>
    agreements.every((each) => each.engine !== engine || each.share >= (wantedAgreement[engine] ?? 0));
  const { othersShare } = runner;
  return {
    threads,
    othersShare,
    weightBytes: await weightBytes(pkg, variant),
    bandwidths,
    samples: samples.filter(isRight),
    cold: cold.filter(isRight),
    agreement: agreements,
    problems,
  };
}

async function openPeers(
  engines: readonly EngineName[],
): Promise<{ peers: Pick<Setup, 'llama' | 'transformers'>; problems: string[] }> {
  if (!engines.some((engine) => engine.startsWith('llama') || engine === 'transformers'))
    return { peers: { llama: null, transformers: null }, problems: [] };
  const { llama, transformers, problems } = await preparePeers();
  for (const problem of problems) progress(problem);
  if (llama === null && transformers === null) return { peers: { llama, transformers }, problems: [...problems] };
  const models = await preparePeerModels();
  const peers = {
    llama: llama === null ? null : { entry: llama, ...models.gguf },
    transformers: transformers === null ? null : { entry: transformers, folder: models.transformers },
  };
  return { peers, problems: [...problems] };
}

/** The engines in another order every round: whatever comes first has the machine as the one before left it. */
function inTurn(engines: readonly EngineName[], round: number): EngineName[] {
  const from = round % engines.length;
  return [...engines.slice(from), ...engines.slice(0, from)];
}

/** Whether an engine takes a saved session of this length in a process of its own. */
function isMeasuredAt(engine: EngineName, length: number): boolean {
  switch (engine) {
    case 'none':
    case 'transformers':
      return false;
    case 'llamaShift':
      return length > windowTokens;
    case 'llamaQ8':
      return length <= windowTokens;
    case 'anchors8':
    case 'anchors16':
    case 'full':
    case 'llamaQ4':
      return true;
  }
}

function speedText({ firstTokenMs, decodeMsPerToken, restoredFirstTokenMs, peakMemoryMB }: Measured): string {
  const speeds = `first token ${firstTokenMs.toFixed(0)} ms, ${(1000 / decodeMsPerToken).toFixed(1)} tokens/s`;
  return `${speeds}, from the start ${restoredFirstTokenMs.toFixed(0)} ms, ${peakMemoryMB.toFixed(0)} MB`;
}
