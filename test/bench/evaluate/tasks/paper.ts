/**
 * The table of the paper (arXiv 2402.07616, section 4): eight sets of questions, without demonstrations and with five,
 * which are the chunks. What the paper lacks stands beside it: the score without any of them.
 */
import { anchored, bounds, controls, onePerChunk, type Arm } from '../arms.ts';
import { shuffled } from '../drawn.ts';
import type { EvaluationData } from '../evaluationData.ts';
import type { Item } from '../item.ts';
import type { ItemSource, Task } from '../task.ts';
import { questionSets, type QuestionSet, type SetQuestion } from './questionSets.ts';

const shots = 5;
/** Rows at the end of a set without other demonstrations, which are never asked. */
const reserved = 16;

/**
 * Accuracies of SmolLM2-135M-Instruct in full precision that a published run of lm-evaluation-harness gives, in percent, 0
 * shots. HellaSwag's (43.0) is not among them: our rows are no uniform sample of it.
 */
export const publishedBase: Readonly<Record<string, { readonly metric: 'acc' | 'acc_norm'; readonly score: number }>> =
  {
    arc_challenge: { metric: 'acc_norm', score: 27.7 },
    arc_easy: { metric: 'acc', score: 54.1 },
    piqa: { metric: 'acc_norm', score: 66.9 },
  };

/** @param given whether packages of the paper's schemes are there. */
export function paperTasks(given: { readonly AC: boolean; readonly EP: boolean }): Task[] {
  const fewShot = questionSets.map((set): Task => {
    return {
      name: `${set.name}-5shot`,
      part: 'paper',
      title: `${set.title}, 5 shots`,
      metrics: metricsOf(set),
      limits: { quick: { items: 3, controls: 2 }, whole: { items: 100, controls: 100 } },
      arms: (scale) => [
        ...bounds('anchors'),
        ...anchored(scale === 'quick' ? [8, onePerChunk] : [8, 16, onePerChunk]),
        ...(['AC', 'EP'] as const).flatMap((name): Arm[] =>
          given[name] ? [...bounds(name), ...anchored([onePerChunk], name)] : [],
        ),
        ...bounds('base'),
        ...controls(scale === 'quick' ? [8] : [8, 16, onePerChunk]),
      ],
      items: (source) => fewShotItems(set, source),
      caveats: [
        ...set.caveats,
        'The same five demonstrations stand before every question; the system prompt stays pinned.',
      ],
      files: [set.file, ...(set.demonstrationsFile === null ? [] : [set.demonstrationsFile])],
    };
  });
  return fewShot;
}

/**
 * The sets without demonstrations and without a system prompt, as harnesses ask: the base's own scores, which are
 * compared with the published ones, and the adapter's with nothing compressed, which are compared with the base's.
 */
export function regressionTasks(): Task[] {
  return questionSets.map((set): Task => {
    return {
      name: `${set.name}-0shot`,
      part: 'regression',
      title: `${set.title}, 0 shots`,
      metrics: metricsOf(set),
      limits: {
        quick: { items: 6, controls: 6 },
        whole: { items: publishedBase[set.name] === undefined ? 600 : 2400, controls: 2400 },
      },
      arms: () => [
        { name: 'full', package: 'anchors', reading: { mode: 'full' }, isControl: false },
        { name: 'base, full', package: 'base', reading: { mode: 'full' }, isControl: true },
      ],
      items: async ({ data, limit }) => {
        const { asked } = await split(set, data);
        return asked
          .slice(0, limit)
          .map(({ id, ask }): Item => ({ id, chunks: [], independent: false, pinned: 'none', ask }));
      },
      caveats: set.caveats.filter((caveat) => !caveat.startsWith('Demonstrations')),
      files: [set.file],
    };
  });
}

function metricsOf(set: QuestionSet): [string, ...string[]] {
  if (set.name === 'winogrande' || set.name === 'boolq') return ['acc', 'right'];
  return set.metric === 'acc' ? ['acc', 'acc_norm', 'right'] : ['acc_norm', 'acc', 'right'];
}

async function fewShotItems(set: QuestionSet, { data, limit }: ItemSource): Promise<Item[]> {
  const { asked, demonstrations } = await split(set, data);
  const chunks = demonstrations.slice(0, shots).map(({ demonstration }) => demonstration);
  return asked.slice(0, limit).map(({ id, ask }): Item => ({ id, chunks, independent: false, pinned: 'system', ask }));
}

/** What is asked, in an order that does not depend on how many are, and what demonstrates. */
async function split(
  set: QuestionSet,
  data: EvaluationData,
): Promise<{ readonly asked: readonly SetQuestion[]; readonly demonstrations: readonly SetQuestion[] }> {
  const questions = shuffled(await set.read(data, set.file), 1);
  const count = Math.min(reserved, Math.floor(questions.length / 2));
  const [rest, ownEnd] = [questions.slice(0, -count), questions.slice(-count)];
  const { demonstrationsFile } = set;
  if (demonstrationsFile === null) return { asked: rest, demonstrations: ownEnd };
  return { asked: questions, demonstrations: shuffled(await set.read(data, demonstrationsFile), 1) };
}
