import { z } from 'zod';
import { AnchorageError } from '../../../../src/protocol/errors.ts';
import { Random } from '../../../../src/engine/random.ts';
import { pick, shuffled } from '../drawn.ts';
import type { EvaluationData } from '../evaluationData.ts';
import type { Ask } from '../item.ts';

/** A question of one of the sets, in the prompt format of lm-evaluation-harness. */
export interface SetQuestion {
  readonly id: string;
  readonly ask: Extract<Ask, { kind: 'choice' | 'blank' }>;
  /** The same with its right answer: what a demonstration says. */
  readonly demonstration: string;
}

export interface QuestionSet {
  readonly name: string;
  readonly title: string;
  /** By which published scores of the set are usually given. */
  readonly metric: 'acc' | 'acc_norm';
  readonly file: string;
  /** Where demonstrations are drawn from; null: from the end of the set itself, whose rows are not asked then. */
  readonly demonstrationsFile: string | null;
  readonly caveats: readonly string[];
  readonly read: (data: EvaluationData, file: string) => Promise<readonly SetQuestion[]>;
}

const id = z.union([z.string(), z.number()]).transform(String);
const choiceRow = z.object({
  id,
  question: z.string(),
  context: z.string().default(''),
  activity: z.string().optional(),
  choices: z.array(z.string().min(1)).min(2),
  answer: z.int().min(0),
});
const blankRow = z.object({
  id,
  context_options: z.array(z.string().min(1)).length(2),
  continuation: z.string().min(1),
  answer: z.int().min(0).max(1),
});
const answerRow = z.object({ id, question: z.string().min(1), answer_text: z.string().min(1) });

type ChoiceRow = z.infer<typeof choiceRow>;

/** Demonstrations drawn from the end of a set without a train split. */
const ownRows =
  'Demonstrations are rows of the same split, taken out of what is asked: its train split is not in the data.';

export const questionSets: readonly QuestionSet[] = [
  {
    name: 'openbookqa',
    title: 'OpenBookQA',
    metric: 'acc_norm',
    file: 'eval/openbookqa',
    demonstrationsFile: 'eval/fewshot_openbookqa',
    caveats: [],
    read: choiceSet(({ question }) => question),
  },
  {
    name: 'winogrande',
    title: 'WinoGrande',
    metric: 'acc',
    file: 'eval/winogrande',
    demonstrationsFile: null,
    caveats: ['Partial scoring: the same continuation after each of the two names.', ownRows],
    read: readBlanks,
  },
  {
    name: 'arc_easy',
    title: 'ARC-e',
    metric: 'acc_norm',
    file: 'eval/arc_easy',
    demonstrationsFile: 'eval/fewshot_arc_easy',
    caveats: [],
    read: choiceSet(asked),
  },
  {
    name: 'arc_challenge',
    title: 'ARC-c',
    metric: 'acc_norm',
    file: 'eval/arc_challenge',
    demonstrationsFile: 'eval/fewshot_arc_challenge',
    caveats: [],
    read: choiceSet(asked),
  },
  {
    name: 'piqa',
    title: 'PIQA',
    metric: 'acc_norm',
    file: 'eval/piqa',
    demonstrationsFile: null,
    caveats: ['Validation split: test labels are not public.', ownRows],
    read: choiceSet(asked),
  },
  {
    name: 'hellaswag',
    title: 'HellaSwag',
    metric: 'acc_norm',
    file: 'eval/hellaswag_1000',
    demonstrationsFile: null,
    caveats: [
      '1,000 validation rows, 913 of ActivityNet and 87 of WikiHow: not a uniform sample, so not comparable with published scores.',
      ownRows,
    ],
    read: choiceSet(storyBegin, story),
  },
  {
    name: 'sciq',
    title: 'SciQ',
    metric: 'acc_norm',
    file: 'eval/sciq',
    demonstrationsFile: null,
    caveats: [
      'Not the official SciQ: the data has answers only, so three answers of other rows stand as distractors, and there is no supporting passage.',
      ownRows,
    ],
    read: readAnswers,
  },
  {
    name: 'boolq',
    title: 'BoolQ',
    metric: 'acc',
    file: 'eval/boolq',
    demonstrationsFile: null,
    caveats: [
      'Demonstrations are rows of the same split, taken out of what is asked: the train rows at hand lack their passages.',
    ],
    read: choiceSet(({ context, question }) => `${context}\nQuestion: ${question.replace(/\?$/, '')}?\nAnswer:`),
  },
];

function asked({ question }: ChoiceRow): string {
  return `Question: ${question}\nAnswer:`;
}

/** lm-evaluation-harness' preparation of HellaSwag: WikiHow's markup cut, the last sentence's begin in upper case. */
function story(text: string): string {
  const cut = text
    .trim()
    .replaceAll(' [title]', '. ')
    .replace(/\[.*?\]/g, '');
  return cut.replaceAll('  ', ' ');
}

function storyBegin({ activity, question }: ChoiceRow): string {
  const upper = question.replace(/(^|[.!?]\s+)(\p{Ll})(?=[^.!?]*$)/u, (_, before: string, letter: string) => {
    return before + letter.toUpperCase();
  });
  return story(`${activity ?? ''}: ${upper}`);
}

function choiceSet(
  promptOf: (row: ChoiceRow) => string,
  choiceOf: (choice: string) => string = (choice) => choice,
): QuestionSet['read'] {
  return async (data, file) =>
    (await data.rows(file, choiceRow)).map((row) => {
      const choices = row.choices.map((choice) => ` ${choiceOf(choice)}`);
      return choiceQuestion(row.id, promptOf(row), choices, row.answer, file);
    });
}

async function readAnswers(data: EvaluationData, file: string): Promise<SetQuestion[]> {
  const rows = await data.rows(file, answerRow);
  const random = new Random(1);
  return rows.map(({ id: rowId, question, answer_text: right }) => {
    const others = new Set<string>();
    while (others.size < 3) {
      const other = pick(rows, random).answer_text;
      if (other.toLowerCase() !== right.toLowerCase()) others.add(other);
    }
    const choices = shuffled([right, ...others], random.integer(0, 1e9));
    const prompt = `Question: ${question}\nAnswer:`;
    return choiceQuestion(
      rowId,
      prompt,
      choices.map((choice) => ` ${choice}`),
      choices.indexOf(right),
      file,
    );
  });
}

function choiceQuestion(
  rowId: string,
  prompt: string,
  choices: readonly string[],
  answer: number,
  file: string,
): SetQuestion {
  const right = choices[answer];
  if (right === undefined) throw outOfRange(file, rowId, answer);
  return { id: rowId, ask: { kind: 'choice', prompt, choices, answer }, demonstration: `${prompt}${right}\n\n` };
}

async function readBlanks(data: EvaluationData, file: string): Promise<SetQuestion[]> {
  const rows = await data.rows(file, blankRow);
  return rows.map(({ id: rowId, context_options: prompts, continuation, answer }) => {
    const begin = prompts[answer];
    if (begin === undefined) throw outOfRange(file, rowId, answer);
    return {
      id: rowId,
      ask: { kind: 'blank', prompts, continuation: ` ${continuation}`, answer },
      demonstration: `${begin} ${continuation}\n\n`,
    };
  });
}

function outOfRange(file: string, rowId: string, answer: number): AnchorageError {
  return new AnchorageError(
    'fileInvalid',
    `${file}, row ${rowId}: there is no choice ${answer}.`,
    'Fetch the data again.',
  );
}
