/**
 * Exact recall over a long session: facts (numbers, identifiers, pairs) are said once, among held-out text, and asked for
 * at its end. An answer counts when it has the number or name letter by letter.
 *
 * Compared: anchors alone, anchors with rehydration (the sequences that a question needs are read again), the same asked
 * in words that share little but names with what was said, the exchange of the fact alone kept whole (what the model can do at best), and nothing. Questions that nothing in the session answers
 * tell how often text is read again for nothing. Needs the built-in package.
 */
import { z } from 'zod';
import { variants } from '../../src/protocol/packageManifest.ts';
import { samplingSchema } from '../../src/protocol/sampling.ts';
import { answer } from '../../src/worker/answer.ts';
import { runBatchRow } from '../../src/worker/batchRow.ts';
import type { Model } from '../../src/worker/model.ts';
import type { Sessions } from '../../src/worker/sessions.ts';
import { defaultHeldRows } from '../../src/protocol/worker.ts';
import { noArguments, readOptions } from '../../scripts/options.ts';
import { longConversation, openModel, sealWhole, sessionOf, withSessions } from './longSession.ts';
import { facts, type Fact } from './recallFacts.ts';
import { median, printResult, progress, rounded } from './report.ts';

const options = readOptions({
  usage:
    'usage: npm run --silent recall -- [--quick] [--tokens N of the session] [--facts N] [--ratio R] [--variant NAME] [--budget MB] [--held-rows N]',
  options: {
    quick: { type: 'boolean' },
    tokens: { type: 'string' },
    facts: { type: 'string' },
    ratio: { type: 'string' },
    variant: { type: 'string' },
    budget: { type: 'string' },
    'held-rows': { type: 'string' },
  },
  schema: z
    .object({
      quick: z.boolean().default(false),
      tokens: z.coerce.number().int().min(100).optional(),
      facts: z.coerce.number().int().min(3).max(300).optional(),
      ratio: z.coerce.number().int().min(1).default(8),
      variant: z.enum(variants).default('int8'),
      budget: z.coerce.number().min(48).default(512),
      'held-rows': z.coerce.number().int().min(0).default(defaultHeldRows),
      _: noArguments,
    })
    .transform(({ tokens, facts: count, ...rest }) => ({
      ...rest,
      tokens: tokens ?? (rest.quick ? 6_000 : 32_000),
      facts: count ?? (rest.quick ? 18 : 60),
    })),
});

/** Nothing in the session has to do with them, though some of its words may be there. */
const unrelated = [
  'What is the capital of Portugal?',
  'How do I boil an egg so that the yolk stays soft?',
  'Who wrote Pride and Prejudice?',
  'What is the difference between a violin and a viola?',
  'Give me a recipe for pancakes.',
  'Why is the sky blue?',
  'How many legs does a spider have?',
  'Translate "good morning" into French.',
  'What does a barometer measure?',
  'Name three moons of Jupiter.',
  'How is paper made from wood?',
  'What is a haiku?',
];

interface Asked {
  readonly isRight: boolean;
  readonly firstTokenMs: number;
  readonly rehydrated: readonly string[];
  readonly tokensAgain: number;
}

const never = new AbortController().signal;
const sampling = samplingSchema.parse({ maxTokens: 32, repetitionPenalty: 1 });
const model = await openModel({
  variant: options.variant,
  ratio: options.ratio,
  budgetMB: options.budget,
  heldRows: options['held-rows'],
});
const known = facts(options.facts, 1);
const result = await withSessions(async (open) => {
  const said = await longConversation(
    model,
    options.tokens,
    known.map((fact) => ({ question: fact.said, answer: fact.reply })),
  );
  const session = sessionOf(model, said);
  const sessions = await open();
  sessions.import(session, new Map());
  await sealWhole(sessions, session.id, model);
  const { memory } = sessions.open(session.id, model);
  const sequenceOf = (fact: Fact): string =>
    memory.sequences.find(({ text }) => text.kind === 'exchange' && text.question === fact.said)?.id ?? '';
  const held = { kvRows: memory.context.rows, kvRowsFull: memory.textTokens };
  const spilled = memory.sequences.filter(({ spilled: isSpilled }) => isSpilled).length;

  const arms: Record<string, object> = {};
  for (const [name, rereadTokens, question] of [
    ['anchors', 0, (fact: Fact) => fact.question],
    ['rehydrated', 512, (fact: Fact) => fact.question],
    ['rehydratedInOtherWords', 512, (fact: Fact) => fact.inOtherWords],
  ] as const) {
    const asked = await askAll(sessions, session.id, { ...model, rereadTokens }, name, question);
    const right = known.map((fact, i) => asked[i]?.rehydrated.includes(sequenceOf(fact)) === true);
    const again = asked.flatMap(({ rehydrated }) => rehydrated).length;
    arms[name] = {
      exactMatch: share(asked.map(({ isRight }) => isRight)),
      ...byKind(asked.map(({ isRight }) => isRight)),
      sequencesReadAgain: rounded(again / asked.length),
      tokensReadAgain: rounded(asked.reduce((sum, { tokensAgain }) => sum + tokensAgain, 0) / asked.length),
      ofThemNeeded: again === 0 ? null : rounded(right.filter(Boolean).length / again),
      found: share(right),
      medianFirstTokenMs: rounded(median(asked.map(({ firstTokenMs }) => firstTokenMs)), 3),
    };
  }
  const alone: Record<string, object> = {};
  for (const mode of ['full', 'none'] as const) {
    const isRight = await askAlone(mode);
    alone[mode === 'full' ? 'exchangeAlone' : 'none'] = { exactMatch: share(isRight), ...byKind(isRight) };
  }
  const falsely: number[] = [];
  let before: string | null = null;
  for (const question of unrelated) {
    const exchange = await ask(sessions, session.id, model, question, before);
    before = exchange.id;
    falsely.push(exchange.rehydrated.length);
    progress(`unrelated: ${question} ${JSON.stringify(exchange.rehydrated.map(({ label, why }) => [label, why]))}`);
  }
  const unrelatedReadAgain = rounded(falsely.reduce((sum, count) => sum + count, 0) / falsely.length);
  sessions.end();
  return { tokens: held.kvRowsFull, exchanges: said.length, ...held, spilled, ...arms, ...alone, unrelatedReadAgain };
});
await model.dispose();
printResult({
  variant: options.variant,
  ratio: options.ratio,
  budgetMB: options.budget,
  heldRows: options['held-rows'],
  facts: known.length,
  ...result,
});

/** Asks for every fact in the same place: each question takes the place of the one before, so none sees another's answer. */
async function askAll(
  sessions: Sessions,
  id: string,
  asking: Model,
  name: string,
  questionOf: (fact: Fact) => string,
): Promise<Asked[]> {
  const out: Asked[] = [];
  let before: string | null = null;
  for (const [i, fact] of known.entries()) {
    const question = questionOf(fact);
    const exchange = await ask(sessions, id, asking, question, before);
    before = exchange.id;
    const isRight = isIn(exchange.answer, fact);
    out.push({
      isRight,
      firstTokenMs: exchange.usage.prefillMs,
      rehydrated: exchange.rehydrated.map(({ sequenceId }) => sequenceId),
      tokensAgain: exchange.rehydrated.reduce((sum, { tokens }) => sum + tokens, 0),
    });
    const again = exchange.rehydrated.map(({ label }) => label).join(' | ');
    progress(`${name} ${i + 1}: ${isRight ? 'right' : 'wrong'}: ${question} ${exchange.answer} [${again}]`);
  }
  if (before !== null) sessions.select(id, parentOf(sessions, id, before));
  return out;
}

async function ask(
  sessions: Sessions,
  id: string,
  asking: Model,
  question: string,
  edits: string | null,
): ReturnType<typeof answer> {
  const request = { task: 'chat', question, attachments: [], sampling, edits } as const;
  const listener = { onProgress: () => undefined, onToken: () => undefined };
  return answer(sessions, asking, id, request, listener, never);
}

function parentOf(sessions: Sessions, id: string, exchangeId: string): string {
  const exchange = sessions.read(id).exchanges.find((each) => each.id === exchangeId);
  if (exchange === undefined || exchange.parentId === null) throw new Error(`The exchange ${exchangeId} follows none.`);
  return exchange.parentId;
}

async function askAlone(mode: 'full' | 'none'): Promise<boolean[]> {
  const context = model.createBatchContext();
  const right: boolean[] = [];
  for (const fact of known) {
    const chunks = [{ user: fact.said, assistant: fact.reply }];
    const row = {
      id: 'alone',
      chunks,
      question: fact.question,
      maxTokens: 32,
      mode,
      independent: false,
      pinned: 'system',
      reuse: false,
    } as const;
    const { answer: text } = await runBatchRow(model, context, row, { signal: never, onProgress: () => undefined });
    right.push(isIn(text, fact));
  }
  context.context.release();
  return right;
}

/** Letter by letter; the capital that a word gets at the beginning of an answer is not held against it. */
function isIn(text: string, { kind, expected }: Fact): boolean {
  return kind === 'pair' ? text.toLowerCase().includes(expected) : text.includes(expected);
}

function share(right: readonly boolean[]): number {
  return rounded(right.filter(Boolean).length / right.length, 3);
}

function byKind(right: readonly boolean[]): Record<string, number> {
  const kinds = ['number', 'identifier', 'pair'] as const;
  return Object.fromEntries(kinds.map((kind) => [kind, share(right.filter((_, i) => known[i]?.kind === kind))]));
}
