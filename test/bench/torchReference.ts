import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { z } from 'zod';
import { repository } from './report.ts';

const responseSchema = z.union([
  z.object({ error: z.string() }),
  z.object({ scores: z.array(z.number()) }),
  z.object({ shape: z.tuple([z.int(), z.int()]), logits: z.string() }),
]);

/** Where PyTorch finds a model's weights. */
export interface TorchModel {
  readonly base: string;
  readonly adapter: string | null;
}

/** models/training/reference.py in a process of its own: one masked forward in PyTorch, no cache. */
export class TorchReference {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  private constructor(process: ChildProcessByStdio<Writable, Readable, null>) {
    this.#process = process;
    this.#lines = createInterface({ input: process.stdout })[Symbol.asyncIterator]();
  }

  static async start(): Promise<TorchReference> {
    const python = join(
      repository,
      '.venv',
      ...(process.platform === 'win32' ? ['Scripts', 'python.exe'] : ['bin', 'python']),
    );
    await access(python).catch(() => {
      throw new Error(
        `${python} is missing: the Python environment of models/training/requirements.txt is not set up.`,
      );
    });
    const script = join(repository, 'models', 'training', 'reference.py');
    // The two processes take turns: threads that spin while they wait would take the cores from the other one.
    const env = { ...process.env, OMP_WAIT_POLICY: 'PASSIVE', GOMP_SPINCOUNT: '0' };
    return new TorchReference(spawn(python, [script], { stdio: ['pipe', 'pipe', 'inherit'], env }));
  }

  /** Logits [asked][vocabulary] of a layout. */
  async forward(request: object): Promise<Float32Array[]> {
    const response = await this.#ask({ op: 'forward', ...request });
    if (!('logits' in response)) throw new Error('PyTorch gave no logits');
    const [count, vocabulary] = response.shape;
    const bytes = Buffer.from(response.logits, 'base64');
    const all = new Float32Array(count * vocabulary);
    for (let i = 0; i < all.length; i++) all[i] = bytes.readFloatLE(4 * i);
    return Array.from({ length: count }, (_, i) => all.subarray(i * vocabulary, (i + 1) * vocabulary));
  }

  /** Scores of the scoring pass. */
  async score(request: object): Promise<readonly number[]> {
    const response = await this.#ask({ op: 'score', ...request });
    if (!('scores' in response)) throw new Error('PyTorch gave no scores');
    return response.scores;
  }

  close(): void {
    this.#process.stdin.end();
  }

  async #ask(request: object): Promise<Exclude<z.infer<typeof responseSchema>, { error: string }>> {
    this.#process.stdin.write(`${JSON.stringify(request)}\n`);
    const line = await this.#lines.next();
    if (line.done === true) throw new Error('The PyTorch reference ended before it answered.');
    const response = responseSchema.parse(JSON.parse(line.value));
    if ('error' in response) throw new Error(`The PyTorch reference failed: ${response.error}`);
    return response;
  }
}
