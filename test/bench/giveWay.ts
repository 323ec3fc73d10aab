/**
 * What a busy machine loses to a worker that writes an answer, with the worker's lower priority and without.
 *
 * One process per logical core counts as fast as it can at normal priority, as a build or a language server would. Prints
 * what they lose, and how fast the built-in model decodes meanwhile, by itself first. Linux and macOS: what another system
 * makes of a priority differs. Needs the built-in package. `--rounds N` (3), `--seconds N` of a measurement (5).
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { noArguments, readOptions } from '../../scripts/options.ts';
import { median, printResult, progress, rounded } from './report.ts';

const options = readOptions({
  usage: 'usage: node test/bench/giveWay.ts [--rounds N] [--seconds N]',
  options: { rounds: { type: 'string' }, seconds: { type: 'string' } },
  schema: z.object({
    rounds: z.coerce.number().int().min(1).default(3),
    seconds: z.coerce.number().min(1).max(60).default(5),
    _: noArguments,
  }),
});

/** A process that does its work when it is told to, for as long as it is told. */
class Racer {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(role: 'counts' | 'writes' | 'gives way') {
    const script = join(import.meta.dirname, 'giveWayRacer.ts');
    this.#child = spawn(process.execPath, [script, role], { stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.#child.stdout === null) throw new Error('The process has no output.');
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  async ready(): Promise<void> {
    await this.#lines.next();
  }

  /** Work done per second. */
  async race(milliseconds: number): Promise<number> {
    this.#child.stdin?.write(`${milliseconds}\n`);
    return Number((await this.#lines.next()).value);
  }

  end(): void {
    this.#child.kill();
  }
}

const counters = Array.from({ length: availableParallelism() }, () => new Racer('counts'));
const arms = { fair: new Racer('writes'), givesWay: new Racer('gives way') };
const all = [...counters, ...Object.values(arms)];
await Promise.all(all.map((racer) => racer.ready()));
const milliseconds = 1000 * options.seconds;

const alone: number[] = [];
const counted: number[] = [];
const shared = {
  fair: { counted: [] as number[], written: [] as number[] },
  givesWay: { counted: [] as number[], written: [] as number[] },
};
for (let round = 0; round < options.rounds; round++) {
  alone.push(await arms.fair.race(milliseconds));
  counted.push(await count());
  for (const arm of ['fair', 'givesWay'] as const) {
    const [others, written] = await Promise.all([count(), arms[arm].race(milliseconds)]);
    shared[arm].counted.push(others);
    shared[arm].written.push(written);
  }
  progress(`round ${round + 1}: ${JSON.stringify({ alone, counted, shared })}`);
}
for (const racer of all) racer.end();

const summary = ({ counted: others, written }: { counted: number[]; written: number[] }): object => ({
  othersLosePercent: rounded(100 * (1 - median(others) / median(counted)), 3),
  decodeTokensPerSecond: rounded(median(written), 3),
});
printResult({
  cores: counters.length,
  rounds: options.rounds,
  decodeTokensPerSecondAlone: rounded(median(alone), 3),
  fair: summary(shared.fair),
  givesWay: summary(shared.givesWay),
});

async function count(): Promise<number> {
  const counts = await Promise.all(counters.map((racer) => racer.race(milliseconds)));
  return counts.reduce((sum, each) => sum + each, 0);
}
