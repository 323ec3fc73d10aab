/** Memory for what was said: facts of a conversation, pairs of a list, and facts in very long texts. */
import { Random } from '../../../../src/engine/random.ts';
import type { BatchRow } from '../../../../src/protocol/batch.ts';
import { z } from 'zod';
import { heldoutTexts } from '../../heldout.ts';
import { facts, type Fact } from '../../recallFacts.ts';
import { anchored, bounds, controls } from '../arms.ts';
import { shuffled } from '../drawn.ts';
import type { Item } from '../item.ts';
import type { ItemSource, Task } from '../task.ts';
import { memoryArms } from './memoryArms.ts';
import { joinedBy, piecesOf, tokenPieces } from './pieces.ts';

/** Exchanges from the one that told the fact to the question: 1, it was the last one. */
const distances = [1, 2, 5, 10, 20, 40];
const fillerCharacters = 280;

interface Exchange {
  readonly user: string;
  readonly assistant: string;
}

export const turnsTask: Task = {
  name: 'turns',
  part: 'memory',
  title: 'Multi-turn questions, by exchanges since the fact',
  metrics: ['logProb', 'exact'],
  limits: { quick: { items: 3, controls: 3 }, whole: { items: 36, controls: 12 } },
  arms: memoryArms,
  items: async ({ limit, scale }) => {
    const texts = await heldoutTexts();
    const fillers = texts.flatMap(({ kind, text }) =>
      piecesOf(text, fillerCharacters).map((piece) => ({
        user: `Here is some ${kind} to keep in mind:\n\n${piece}`,
        assistant: 'I have read it and will keep it in mind.',
      })),
    );
    const between = shuffled(fillers, 1);
    const asked = scale === 'quick' ? distances.slice(0, 3) : distances;
    return Array.from({ length: Math.ceil(limit / asked.length) }, (_, n) => conversation(n, asked, between))
      .flat()
      .slice(0, limit);
  },
  caveats: [
    `A conversation of ${Math.max(...distances)} exchanges tells ${distances.length} facts (numbers, identifiers, pairs: made up); each is asked at its end, after how many exchanges the distance says.`,
    'The exchanges between are pieces of held-out prose and code.',
  ],
  files: [],
};

/** As many exchanges as the longest distance; one item for each fact that they tell. */
function conversation(n: number, asked: readonly number[], between: readonly Exchange[]): Item[] {
  const length = Math.max(...asked);
  const told = rotated(facts(asked.length, 1 + n), n);
  const chunks = Array.from({ length }, (_, i): Exchange => {
    const fact = told[asked.indexOf(length - i)];
    if (fact !== undefined) return { user: fact.said, assistant: fact.reply };
    return between[(n * length + i) % between.length] ?? { user: '', assistant: '' };
  });
  return told.map((fact, i) => factItem(`turns-${n}-${i}`, chunks, fact, `${asked[i] ?? 0} exchanges`));
}

const pairCounts = [8, 16, 32];

export const pairsTask: Task = {
  name: 'pairs',
  part: 'memory',
  title: 'Associative recall, by number of pairs',
  metrics: ['logProb', 'exact'],
  limits: { quick: { items: 3, controls: 1 }, whole: { items: 36, controls: 12 } },
  arms: memoryArms,
  items: ({ limit }) => Promise.resolve(pairItems(limit)),
  caveats: ['Pairs are made up: four in a chunk, the value a number or an identifier.'],
  files: [],
};

function pairItems(limit: number): Item[] {
  const nouns =
    'amber birch cedar delta ember fjord grove heron inlet jetty knoll lotus maple north otter pearl quartz raven';
  return Array.from({ length: limit }, (_, n): Item => {
    const random = new Random(1000 + n);
    const names = shuffled(
      nouns.split(' ').flatMap((noun) => ['east', 'west', 'old', 'new'].map((adjective) => `${adjective}_${noun}`)),
      random.integer(0, 1e9),
    );
    const count = pairCounts[n % pairCounts.length] ?? 8;
    const pairs = names.slice(0, count).map((key, i) => {
      const number = String(random.integer(1000, 9999));
      return { key, value: i % 2 === 0 ? number : `${names[names.length - 1 - i] ?? 'value'}_${number.slice(2)}` };
    });
    const lines = pairs.map(({ key, value }) => `${key} = ${value}\n`);
    const chunks = joinedBy(lines, 4);
    const wanted = pairs[random.integer(0, count - 1)] ?? { key: '', value: '' };
    const ask = {
      kind: 'answer',
      expected: wanted.value,
      question: `What is the value of ${wanted.key}?`,
      maxTokens: 24,
    } as const;
    return { id: `pairs-${n}`, chunks, independent: false, pinned: 'system', ask, group: `${count} pairs` };
  });
}

const lengths = [1000, 4000, 8000, 16_000, 32_000];
const depths = [0.1, 0.5, 0.9];
/** Tokens of the longest context that is read whole: the base's window is 8,192. */
const longestWhole = 8000;
const pieceTokens = 200;
const essayRow = z.object({ id: z.string(), text: z.string().min(1) });

export const needleTask: Task = {
  name: 'needle',
  part: 'memory',
  title: 'Facts in a long text, by tokens of text and depth',
  metrics: ['logProb', 'exact'],
  limits: { quick: { items: 1, controls: 1 }, whole: { items: 15, controls: 9 } },
  arms: (scale) =>
    scale === 'quick'
      ? [...bounds('anchors'), ...anchored([8])]
      : [...bounds('anchors'), ...anchored([8, 16]), ...bounds('base'), ...controls([8])],
  items: needleItems,
  caveats: [
    'A text holds three facts (made up), at a tenth, a half and nine tenths of it; each is asked at the end.',
    'Text: essays that may be used for measuring only; in the sample, held-out prose of this repository.',
    'One anchor in 8 of 32,000 tokens is 4,000 rows, inside the window of 8,192; read whole, texts over 8,000 tokens do not fit.',
    'Controls and recovery: lengths of up to 8,000 tokens.',
  ],
  files: [],
};

async function needleItems({ data, limit, scale, tokenizer }: ItemSource): Promise<Item[]> {
  const essays =
    scale === 'whole' || data.has('eval/needle_essays')
      ? (await data.rows('eval/needle_essays', essayRow)).map(({ text }) => text)
      : (await heldoutTexts()).filter(({ kind }) => kind === 'prose').map(({ text }) => text);
  const ids = tokenizer.encodeText(essays.join('\n\n'));
  const wanted = scale === 'quick' ? [600] : lengths;
  return wanted
    .flatMap((length, n) => {
      const chunks = tokenPieces(ids.slice(0, Math.ceil(length / pieceTokens) * pieceTokens), pieceTokens, tokenizer);
      const told = rotated(facts(depths.length, 500 + n), n);
      // From the end, so that what is put in moves no place that is still wanted.
      for (const [i, depth] of [...depths.entries()].reverse()) {
        chunks.splice(Math.round(depth * chunks.length), 0, `${told[i]?.said ?? ''}\n`);
      }
      return told.map((fact, i): Item => {
        const item = factItem(`needle-${length}-${i}`, chunks, fact, `${length} tokens, ${100 * (depths[i] ?? 0)}%`);
        return length > longestWhole ? { ...item, isTooLongWhole: true } : item;
      });
    })
    .slice(0, limit);
}

/** So that no kind of fact stays at one place. */
function rotated<T>(values: readonly T[], by: number): T[] {
  const at = by % values.length;
  return [...values.slice(at), ...values.slice(0, at)];
}

function factItem(id: string, chunks: BatchRow['chunks'], fact: Fact, group: string): Item {
  const ask = { kind: 'answer', question: fact.question, expected: fact.expected, maxTokens: 24 } as const;
  return { id, chunks, independent: false, pinned: 'system', ask, group };
}
