import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { z } from 'zod';
import { batchResultSchema } from '../../../src/protocol/batch.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import type { Variant } from '../../../src/protocol/packageManifest.ts';
import { repository } from '../report.ts';
import type { RowInput } from './item.ts';
import type { RowOutcome } from './rowCache.ts';

const outcomeSchema = z.union([
  batchResultSchema,
  z.object({ id: z.union([z.string(), z.number()]), error: z.string() }),
]);

/** Rows that wait in the pipe, so that the worker never waits for the next one. */
const ahead = 3;

/** A `batch` of the command line on one package: rows are written to it, and their results read, one after the other. */
export class BatchProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #waiting: { resolve: (outcome: RowOutcome) => void; reject: (error: Error) => void }[] = [];
  readonly #closed: Promise<void>;
  #said = '';
  #rows = 0;
  #isEnding = false;

  constructor(packageFolder: string, variant: Variant, threads: number) {
    const cli = join(repository, 'src', 'cli', 'main.ts');
    const computing = ['--variant', variant, '--execution-provider', 'cpu', '--threads', String(threads)];
    const options = ['--package', packageFolder, ...computing, '--quiet'];
    this.#child = spawn(process.execPath, [cli, 'batch', '-', '-', ...options], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stderr.on('data', (text: Buffer) => (this.#said = (this.#said + text.toString('utf8')).slice(-2000)));
    // Writing to a process that has ended fails here too; its end is told below.
    this.#child.stdin.on('error', () => undefined);
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      this.#take(line);
    });
    this.#closed = new Promise((resolve) => {
      const end = (): void => {
        this.#fail();
        resolve();
      };
      this.#child.once('error', end).once('close', end);
    });
  }

  /**
   * Runs rows; `onOutcome` is called with each as it is done.
   *
   * @throws AnchorageError `workerDied` when the process ended.
   */
  async run(rows: readonly RowInput[], onOutcome: (row: RowInput, outcome: RowOutcome) => void): Promise<void> {
    const running = new Set<Promise<void>>();
    for (const row of rows) {
      const done: Promise<void> = this.#ask(row).then((outcome) => {
        running.delete(done);
        onOutcome(row, outcome);
      });
      running.add(done);
      if (running.size >= ahead) await Promise.race(running);
    }
    await Promise.all(running);
  }

  /** Ends the process; what is running is lost. */
  async end(): Promise<void> {
    this.#isEnding = true;
    this.#child.stdin.end();
    if (this.#waiting.length > 0) this.#child.kill();
    await this.#closed;
  }

  #ask(row: RowInput): Promise<RowOutcome> {
    return new Promise((resolve, reject) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        reject(this.#ended());
        return;
      }
      this.#waiting.push({ resolve, reject });
      // What an item's rows or a set's demonstrations share is read once.
      this.#child.stdin.write(`${JSON.stringify({ id: this.#rows++, reuse: true, ...row })}\n`);
    });
  }

  /** Results come in the order of the rows. */
  #take(line: string): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) return;
    try {
      waiting.resolve(outcomeSchema.parse(JSON.parse(line)));
    } catch (error) {
      waiting.reject(new AnchorageError('internal', `batch wrote ${line.slice(0, 200)}`, '', { cause: error }));
    }
  }

  #fail(): void {
    for (const { reject } of this.#waiting.splice(0)) reject(this.#ended());
  }

  #ended(): AnchorageError {
    const why = this.#isEnding ? 'it was told to' : this.#said.trim();
    return new AnchorageError(
      'workerDied',
      `batch ended: ${why}`,
      'Run the same command again: it goes on where it was.',
    );
  }
}
