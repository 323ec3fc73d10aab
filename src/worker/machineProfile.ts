import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { MachineIdentity } from './machineIdentity.ts';
import { executionProviders, type ExecutionProvider } from '../protocol/executionProvider.ts';
import { providerOutcomeSchema, type ProviderOutcome } from './providerOutcome.ts';

const timestamp = z.iso.datetime();
const providerSchema = z.enum(executionProviders);

/** Stands for the probe's own graph where an outcome says what a provider was tried with. */
export const probedGraph = 'probe';

const triedSchema = z.object({
  executionProvider: providerSchema,
  /** What it was tried with: `probedGraph`, or a package's graph by fingerprint and variant. */
  graph: z.string(),
  outcome: providerOutcomeSchema,
  at: timestamp,
});
export type TriedProvider = z.infer<typeof triedSchema>;

const groupSchema = z.object({
  /** A package's fingerprint and a variant. */
  model: z.string(),
  executionProvider: providerSchema,
  threads: z.int().min(1),
  groupTokens: z.int().min(1).max(4096),
  /** Tokens per second of every size that was measured. */
  measured: z.array(z.object({ tokens: z.int(), tokensPerSecond: z.number() })).max(16),
  at: timestamp,
});
export type MeasuredGroup = z.infer<typeof groupSchema>;
export type GroupKey = Pick<MeasuredGroup, 'model' | 'executionProvider' | 'threads'>;

/** Entries kept of a kind, the newest: of packages that are long gone, none need stay. */
const most = 32;

const profileSchema = z.object({
  format: z.literal(1),
  machine: z.object({ onnxruntime: z.string(), platform: z.string(), cpu: z.string(), gpu: z.string() }),
  providers: z.array(triedSchema).max(most),
  groups: z.array(groupSchema).max(most),
  /** A provider that a process has begun to use and that has not given an answer yet. */
  firstUse: triedSchema.pick({ executionProvider: true, graph: true }).extend({ pid: z.int() }).nullable(),
});
type Content = z.infer<typeof profileSchema>;

const fileName = 'machine.json';

/** A failure is tried again after so many milliseconds: what was missing may have been installed where nothing shows it. */
const failureLasts = 7 * 24 * 60 * 60 * 1000;

/** A group size is measured again after so many milliseconds. */
const measurementLasts = 30 * 24 * 60 * 60 * 1000;

/**
 * What was measured on this machine, in a file: which execution providers work, and how many tokens a run should read.
 * A file that is damaged, of another machine or driver, or of another build, counts as empty and is written anew. Processes
 * share it: each change is made to the file as it then is.
 */
export class MachineProfile {
  readonly path: string | null;
  readonly #identity: MachineIdentity;
  readonly #now: () => number;
  /** For a folder that cannot be written, or none. */
  #content: Content;
  /** Where a process ends in order, its first use did not end it; where it crashes, this is not called. */
  readonly #onExit = (): void => this.endFirstUse();

  /** @param folder null keeps it in memory only. */
  constructor(folder: string | null, identity: MachineIdentity, now = Date.now) {
    this.path = folder === null ? null : join(folder, fileName);
    this.#identity = identity;
    this.#now = now;
    this.#content = this.#read() ?? this.#empty();
    this.#blame();
  }

  get tried(): readonly TriedProvider[] {
    return this.#content.providers;
  }

  /** What is known of a provider with a graph; undefined where it has to be tried. */
  outcome(executionProvider: ExecutionProvider, graph: string): ProviderOutcome | undefined {
    const found = this.tried.find((each) => isOf(each, { executionProvider, graph }));
    if (found === undefined) return undefined;
    const isOld = found.outcome.kind !== 'works' && this.#now() - Date.parse(found.at) > failureLasts;
    return isOld ? undefined : found.outcome;
  }

  noteOutcome(executionProvider: ExecutionProvider, graph: string, outcome: ProviderOutcome): void {
    const entry = { executionProvider, graph, outcome, at: this.#time() };
    this.#change((content) => ({
      ...content,
      providers: [...content.providers.filter((each) => !isOf(each, entry)), entry].slice(-most),
    }));
  }

  /** Forgets what is known of providers, so that they are tried again. */
  forgetProviders(): void {
    this.#change((content) => ({ ...content, providers: [] }));
  }

  group(key: GroupKey): MeasuredGroup | undefined {
    return this.#content.groups.find((each) => isSameGroup(each, key));
  }

  /** Whether a group size has to be measured, or measured again: the machine may have been busy then. */
  isGroupDue(key: GroupKey): boolean {
    const found = this.group(key);
    return found === undefined || this.#now() - Date.parse(found.at) > measurementLasts;
  }

  noteGroup(group: Omit<MeasuredGroup, 'at'>): void {
    const entry = { ...group, at: this.#time() };
    this.#change((content) => ({
      ...content,
      groups: [...content.groups.filter((each) => !isSameGroup(each, entry)), entry].slice(-most),
    }));
  }

  /**
   * Notes that this process begins to use a provider. If it dies before `endFirstUse`, the next process takes the
   * provider for failing.
   */
  beginFirstUse(executionProvider: ExecutionProvider, graph: string): void {
    process.once('exit', this.#onExit);
    this.#change((content) => ({ ...content, firstUse: { executionProvider, graph, pid: process.pid } }));
  }

  endFirstUse(): void {
    process.off('exit', this.#onExit);
    if (this.#content.firstUse?.pid !== process.pid) return;
    this.#change((content) => ({ ...content, firstUse: null }));
  }

  /** Takes a provider for failing whose first use was begun by a process that is gone. */
  #blame(): void {
    const { firstUse } = this.#content;
    if (firstUse === null || isRunning(firstUse.pid)) return;
    this.#change((content) => ({ ...content, firstUse: null }));
    this.noteOutcome(firstUse.executionProvider, firstUse.graph, { kind: 'workerDied' });
  }

  #time(): string {
    return new Date(this.#now()).toISOString();
  }

  #empty(): Content {
    return { format: 1, machine: this.#identity, providers: [], groups: [], firstUse: null };
  }

  /** The file's content, where it is this machine's. */
  #read(): Content | undefined {
    if (this.path === null) return undefined;
    try {
      const { success, data } = profileSchema.safeParse(JSON.parse(readFileSync(this.path, 'utf8')));
      const { onnxruntime, platform, cpu, gpu } = this.#identity;
      if (!success) return undefined;
      const isHere =
        data.machine.onnxruntime === onnxruntime &&
        data.machine.platform === platform &&
        data.machine.cpu === cpu &&
        data.machine.gpu === gpu;
      return isHere ? data : undefined;
    } catch {
      return undefined;
    }
  }

  #change(change: (content: Content) => Content): void {
    this.#content = change(this.#read() ?? this.#content);
    if (this.path === null) return;
    const temporary = `${this.path}.${process.pid}`;
    try {
      mkdirSync(join(this.path, '..'), { recursive: true });
      writeFileSync(temporary, `${JSON.stringify(this.#content, null, 2)}\n`);
      renameSync(temporary, this.path);
    } catch {
      // Nothing is lost but the time to measure again.
      rmSync(temporary, { force: true });
    }
  }
}

function isOf(
  one: Pick<TriedProvider, 'executionProvider' | 'graph'>,
  other: Pick<TriedProvider, 'executionProvider' | 'graph'>,
): boolean {
  return one.executionProvider === other.executionProvider && one.graph === other.graph;
}

function isSameGroup(one: GroupKey, other: GroupKey): boolean {
  return (
    one.model === other.model && one.executionProvider === other.executionProvider && one.threads === other.threads
  );
}

function isRunning(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process must not be signalled, and is there.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
