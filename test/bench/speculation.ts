/**
 * Speculative decoding by prompt lookup: the same questions answered with it and without, in turns, per kind of task.
 *
 * Prints per kind how many times as fast the answer is written (median, quartiles), the share of the drafted tokens that
 * were drawn, tokens per run, and how many answers are the same token by token; for the first one that is not, how far
 * apart the two likeliest tokens were. Needs the built-in package.
 * `--variant` (int8), `--answers N` of each kind (8), `--kinds A,B`, `--tokens N` of an answer at most (128),
 * `--temperature` (0), `--penalty` on repetitions (1.1, the editor's), `--quick`: two answers of each kind.
 */
import { z } from 'zod';
import { AnchorContext } from '../../src/engine/anchorContext.ts';
import { Decoder } from '../../src/engine/decoder.ts';
import type { Generation } from '../../src/engine/generation.ts';
import { loadPackage } from '../../src/engine/modelPackage.ts';
import { variants } from '../../src/protocol/packageManifest.ts';
import { samplingSchema } from '../../src/protocol/sampling.ts';
import { noArguments, readOptions } from '../../scripts/options.ts';
import { builtInPackage, median, printResult, progress, rounded } from './report.ts';
import { speculationTasks, taskKinds, type SpeculationTask } from './speculationTasks.ts';

const options = readOptions({
  usage:
    'usage: npm run --silent speculation -- [--quick] [--variant NAME] [--answers N of each kind] [--kinds A,B] [--tokens N] [--temperature T] [--penalty P]',
  options: {
    quick: { type: 'boolean' },
    variant: { type: 'string' },
    answers: { type: 'string' },
    kinds: { type: 'string' },
    tokens: { type: 'string' },
    temperature: { type: 'string' },
    penalty: { type: 'string' },
  },
  schema: z
    .object({
      quick: z.boolean().default(false),
      variant: z.enum(variants).default('int8'),
      answers: z.coerce.number().int().min(1).max(24).optional(),
      kinds: z
        .string()
        .default(taskKinds.join(','))
        .transform((names) => names.split(','))
        .pipe(z.array(z.enum(taskKinds)).min(1)),
      tokens: z.coerce.number().int().min(2).default(128),
      temperature: z.coerce.number().min(0).default(0),
      penalty: z.coerce.number().min(0.5).default(1.1),
      _: noArguments,
    })
    .transform(({ answers, ...rest }) => ({ ...rest, answers: answers ?? (rest.quick ? 2 : 8) })),
});

interface Written {
  readonly generation: Generation;
  readonly runs: number;
  /** Tokens that were read ahead. */
  readonly drafted: number;
}

interface Sample extends Pick<SpeculationTask, 'kind'> {
  readonly tokens: number;
  /** How many times as fast the answer was written. */
  readonly ratio: number;
  readonly runs: number;
  readonly drafted: number;
  readonly accepted: number;
  readonly isSame: boolean;
}

const pkg = await loadPackage(builtInPackage);
const decoder = await Decoder.create(pkg, { variant: options.variant, threads: 0 });
const sampling = samplingSchema.parse({
  temperature: options.temperature,
  repetitionPenalty: options.penalty,
  maxTokens: options.tokens,
  seed: 1,
});
const samples: Sample[] = [];
const differences: { kind: string; token: number; gap: number }[] = [];
const tasks = await speculationTasks(options.kinds, options.answers);
for (const [index, task] of tasks.entries()) {
  const context = new AnchorContext(decoder, { pinned: pkg.layout.pinned() });
  const texts = await readFile(context, task);
  const question = pkg.layout.live(task.question);
  const ask = (speculate: boolean): Promise<Written> => write(context, question, [...texts, question], speculate);
  const order = index % 2 === 0 ? [false, true] : [true, false];
  const [first, second] = [await ask(order[0] === true), await ask(order[1] === true)];
  const [plain, ahead] = order[0] === true ? [second, first] : [first, second];
  samples.push(compared(task, plain, ahead));
  const token = ahead.generation.tokens.findIndex((id, i) => id !== plain.generation.tokens[i]);
  if (token >= 0) differences.push({ kind: task.kind, token, gap: await gapAt(context, question, plain, token) });
  progress(`${index + 1} of ${tasks.length}: ${JSON.stringify(samples.at(-1))}`);
}
await decoder.dispose();
printResult({
  variant: options.variant,
  threads: decoder.threads,
  temperature: options.temperature,
  penalty: options.penalty,
  kinds: Object.fromEntries(options.kinds.map((kind) => [kind, summary(samples.filter((each) => each.kind === kind))])),
  all: summary(samples),
  differences,
});

/** A file as it stands in the context when it was read again for a question. */
async function readFile(context: AnchorContext, { file }: SpeculationTask): Promise<(readonly number[])[]> {
  if (file === null) return [];
  const chunk = pkg.layout.chunk('src/index.ts', 'typescript', file);
  await context.keepWhole(chunk);
  return [chunk];
}

async function write(
  context: AnchorContext,
  question: readonly number[],
  texts: readonly (readonly number[])[],
  speculate: boolean,
): Promise<Written> {
  context.dropLive();
  let runs = 0;
  let drafted = 0;
  context.groupSize = (available) => {
    runs++;
    drafted += available - 1;
    return Math.min(available, decoder.groupTokens);
  };
  await context.read(question, { logits: 'last' });
  [runs, drafted] = [0, 0];
  const generation = await context.generate(sampling, { speculate, texts });
  return { generation, runs, drafted };
}

function compared({ kind }: SpeculationTask, plain: Written, ahead: Written): Sample {
  const { tokens } = ahead.generation;
  const perToken = ({ generation }: Written): number => generation.times.decodeMs / generation.tokens.length;
  const fed = tokens.length - (ahead.generation.stopReason === 'endOfText' ? 0 : 1);
  return {
    kind,
    tokens: tokens.length,
    ratio: rounded(perToken(plain) / perToken(ahead), 3),
    runs: ahead.runs,
    drafted: ahead.drafted,
    accepted: fed - ahead.runs,
    isSame: tokens.join() === plain.generation.tokens.join(),
  };
}

/** How far apart the logits of the two likeliest tokens are at a token of an answer, read one by one. */
async function gapAt(
  context: AnchorContext,
  question: readonly number[],
  { generation }: Written,
  token: number,
): Promise<number> {
  context.dropLive();
  let [logits] = await context.read(question, { logits: 'last' });
  for (const id of generation.tokens.slice(0, token)) [logits] = await context.read([id], { logits: 'last' });
  const [best = NaN, next = NaN] = [...(logits ?? [])].sort((a, b) => b - a);
  return rounded(best - next, 3);
}

function summary(of: readonly Sample[]): object {
  const ratios = of.map(({ ratio }) => ratio).sort((a, b) => a - b);
  const sum = (pick: (sample: Sample) => number): number => of.reduce((total, sample) => total + pick(sample), 0);
  return {
    answers: of.length,
    longAnswers: of.filter(({ tokens }) => tokens >= 100).length,
    meanTokens: rounded(sum(({ tokens }) => tokens) / of.length, 3),
    ratio: rounded(median(ratios), 3),
    quartiles: [0.25, 0.75].map((share) => ratios[Math.round(share * (ratios.length - 1))]),
    least: ratios[0],
    acceptance: rounded(
      sum(({ accepted }) => accepted) /
        Math.max(
          1,
          sum(({ drafted }) => drafted),
        ),
      3,
    ),
    tokensPerRun: rounded(sum(({ tokens }) => tokens) / sum(({ runs }) => runs), 3),
    same: of.filter(({ isSame }) => isSame).length,
  };
}
