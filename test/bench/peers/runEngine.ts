import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { z } from 'zod';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { root } from '../../../scripts/prepare/folders.ts';
import type { Setup } from './engines.ts';
import { grownSchema, measuredSchema, predictedSchema, type Grown, type Measured, type Task } from './engineTasks.ts';

/** Longer than any task takes on a slow machine. */
const timeoutMs = 20 * 60_000;

const failureSchema = z.object({ stderr: z.string() });

/** Starts engines, each in a process of its own, all from the code as it was when the first one was started. */
export class EngineRunner {
  readonly #script: string;
  readonly #stopping = new AbortController();
  #machineSeconds = 0;
  #othersSeconds = 0;

  private constructor(script: string) {
    this.#script = script;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => {
        this.#stopping.abort();
        process.exitCode = 1;
      });
    }
  }

  /** Bundles the code into a folder: what is edited during a long run must not be measured in a part of it. */
  static async create(folder: string): Promise<EngineRunner> {
    const outfile = join(folder, 'engine.mjs');
    await build({
      absWorkingDir: root,
      entryPoints: [join(import.meta.dirname, 'engineProcess.ts')],
      bundle: true,
      packages: 'external',
      platform: 'node',
      format: 'esm',
      // Paths in the sources begin where they lie, two folders below the repository.
      define: { 'import.meta.dirname': JSON.stringify(join(root, 'test', 'bench')) },
      outfile,
      logLevel: 'silent',
    });
    return new EngineRunner(outfile);
  }

  /** Share of the machine's processors that other programs took while engines ran. */
  get othersShare(): number {
    return this.#machineSeconds === 0 ? 0 : this.#othersSeconds / this.#machineSeconds;
  }

  /** Reads the session from nothing. */
  grow(
    setup: Setup,
    lengths: readonly number[],
    how: { readonly save: boolean; readonly measure: boolean },
  ): Promise<Grown> {
    return this.#run(setup, { grow: [...lengths], ...how }, grownSchema);
  }

  /** Takes a session that was saved. */
  measure(setup: Setup, length: number): Promise<Measured> {
    return this.#run(setup, { measure: length }, measuredSchema);
  }

  /** The likeliest tokens along the answer, by an engine that read the session itself. */
  async predict(setup: Setup, length: number): Promise<readonly number[]> {
    return (await this.#run(setup, { predict: length }, predictedSchema)).predicted;
  }

  async #run<T>(setup: Setup, task: Task, schema: z.ZodType<T>): Promise<T> {
    const args = ['--disable-warning=ExperimentalWarning', this.#script, JSON.stringify(setup), JSON.stringify(task)];
    const before = processorSeconds();
    const options = { timeout: timeoutMs, maxBuffer: 1 << 24, signal: this.#stopping.signal };
    const { stdout } = await promisify(execFile)(process.execPath, args, options).catch((error: unknown) => {
      if (this.#stopping.signal.aborted) throw new AnchorageError('cancelled', 'Stopped.');
      throw new Error(reasonOf(error), { cause: error });
    });
    const after = processorSeconds();
    const line: unknown = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    const { result, cpuSeconds } = z.object({ result: schema, cpuSeconds: z.number() }).parse(line);
    this.#machineSeconds += after.all - before.all;
    this.#othersSeconds += Math.max(0, after.busy - before.busy - cpuSeconds);
    return result;
  }
}

/** What a process said of its end, without where in the code that was. */
function reasonOf(error: unknown): string {
  const failed = failureSchema.safeParse(error);
  const said = failed.success ? failed.data.stderr.split('\n') : [];
  return said.find((line) => /^\s*(\w*Error|AnchorageError)\b/.test(line))?.trim() ?? String(error).slice(0, 300);
}

function processorSeconds(): { readonly busy: number; readonly all: number } {
  let busy = 0;
  let all = 0;
  for (const { times } of cpus()) {
    busy += times.user + times.nice + times.sys + times.irq;
    all += times.user + times.nice + times.sys + times.irq + times.idle;
  }
  return { busy: busy / 1000, all: all / 1000 };
}
