/** Memory for what was read: stories, held-out rows of the kinds that were trained, and the text after a boundary. */
import { z } from 'zod';
import { batchRowSchema } from '../../../../src/protocol/batch.ts';
import type { ModelTokenizer } from '../../../../src/engine/tokenizer.ts';
import { evaluationRows, type EvaluationTask } from '../../batchRows.ts';
import { mixedTexts } from '../../heldout.ts';
import { shuffled } from '../drawn.ts';
import type { Item } from '../item.ts';
import type { ItemSource, Task } from '../task.ts';
import { memoryArms } from './memoryArms.ts';
import { joinedBy, tokenPieces } from './pieces.ts';

const storyRow = z.object({
  id: z.string(),
  task: z.int(),
  context: z.string().min(1),
  question: z.string().min(1),
  answer_text: z.string().min(1),
});
const sentencesOfChunk = 4;

export const babiTask: Task = {
  name: 'babi',
  part: 'memory',
  title: 'bAbI 1 to 3',
  metrics: ['acc', 'right'],
  limits: { quick: { items: 6, controls: 3 }, whole: { items: 60, controls: 18 } },
  arms: memoryArms,
  items: babiItems,
  caveats: ['Asked as a choice among all answers of the same bAbI task (chance: 17%); four sentences are a chunk.'],
  files: ['eval/babi'],
};

async function babiItems({ data, limit }: ItemSource): Promise<Item[]> {
  const rows = (await data.rows('eval/babi', storyRow)).filter(({ task }) => task <= 3);
  const byTask = [1, 2, 3].map((task) => {
    const own = rows.filter((row) => row.task === task);
    return { choices: [...new Set(own.map((row) => row.answer_text))].sort(), rows: shuffled(own, 1) };
  });
  return Array.from({ length: limit }, (_, n): Item[] => {
    const { choices = [], rows: own = [] } = byTask[n % byTask.length] ?? {};
    const row = own[Math.floor(n / byTask.length)];
    if (row === undefined) return [];
    const sentences = row.context.match(/[^.]+\.\s*/g) ?? [row.context];
    const chunks = joinedBy(sentences, sentencesOfChunk).map((chunk) => `${chunk.trim()}\n`);
    const question = `${row.question} Answer with one word.`;
    const ask = { kind: 'choice', question, choices, answer: choices.indexOf(row.answer_text) } as const;
    return [{ id: row.id, chunks, independent: false, pinned: 'system', ask, group: `task ${row.task}` }];
  }).flat();
}

const rowTitles: Readonly<Record<EvaluationTask, string>> = {
  repeat: 'Repeating one of several passages',
  function: 'Describing a function that was read',
  value: 'Naming a value (number or identifier) that was stated',
  continue: 'Language modelling: the next tokens of code or prose',
};

/** The held-out rows beside the adapter, of the kinds that training practises. */
export function heldoutRowTasks(): Task[] {
  return (['value', 'repeat', 'function', 'continue'] as const).map((name): Task => {
    return {
      name,
      part: 'memory',
      title: rowTitles[name],
      metrics: name === 'value' ? ['logProb', 'exact'] : ['logProb'],
      limits: { quick: { items: 3, controls: 1 }, whole: { items: 40, controls: 12 } },
      arms: memoryArms,
      items: async ({ limit }) =>
        (await evaluationRows(name, limit)).map((row) => {
          const { id, chunks, question, score, continuation } = batchRowSchema.parse(row);
          const ask: Item['ask'] =
            continuation === undefined
              ? {
                  kind: 'answer',
                  question: question ?? '',
                  expected: score ?? '',
                  maxTokens: name === 'value' ? 24 : 0,
                }
              : { kind: 'continuation', upTo: [{ name: 'all', text: continuation }] };
          return { id: String(id), chunks, independent: false, pinned: 'system', ask };
        }),
      caveats: ['Held-out rows of the kinds that training practises (models/smollm2-135m-anchors/evaluation).'],
      files: [],
    };
  });
}

function distanceName(from: number, to: number): string {
  return `tokens ${from}-${to}`;
}

/**
 * The text of the first `count` tokens, or of a few more where cutting there would make other tokens of them: scores up to
 * one end are then part of those up to the next.
 */
function firstTokens(ids: readonly number[], count: number, tokenizer: ModelTokenizer): string {
  for (let end = count; end < count + 8; end++) {
    const text = tokenizer.decode(ids.slice(0, end));
    const again = tokenizer.encodeText(text);
    if (again.length === end && again.every((id, i) => id === ids[i])) return text;
  }
  return tokenizer.decode(ids.slice(0, count)).toWellFormed();
}

/** Tokens that are read before the boundary, in chunks of `chunk`, and the ends up to which the rest is scored. */
const before = { tokens: 512, chunk: 64 };
const ends = [8, 32, 128];

export const boundaryTask: Task = {
  name: 'boundary',
  part: 'memory',
  title: 'Language modelling by tokens after the boundary',
  metrics: ['logProb', ...ends.map((end, i) => distanceName((ends[i - 1] ?? 0) + 1, end))],
  limits: { quick: { items: 1, controls: 1 }, whole: { items: 24, controls: 8 } },
  arms: memoryArms,
  items: async ({ limit, tokenizer }) => {
    const texts = (await mixedTexts()).map(({ kind, text }) => ({ kind, ids: tokenizer.encodeText(text) }));
    const long = texts.filter(({ ids }) => ids.length >= before.tokens + (ends.at(-1) ?? 0));
    return long.slice(0, limit).map(({ kind, ids }, i): Item => {
      const chunks = tokenPieces(ids.slice(0, before.tokens), before.chunk, tokenizer);
      const rest = ids.slice(before.tokens);
      const upTo = ends.map((end, n) => {
        return { name: distanceName((ends[n - 1] ?? 0) + 1, end), text: firstTokens(rest, end, tokenizer) };
      });
      const ask: Item['ask'] = { kind: 'continuation', upTo };
      return { id: `boundary-${i}`, chunks, independent: false, pinned: 'system', ask, group: kind };
    });
  },
  caveats: ['Held-out prose and code; 512 tokens are read in chunks of 64. Perplexity is exp(-logProb).'],
  files: [],
};
