import { heldoutTexts } from './heldout.ts';
import { inlined } from '../../src/worker/prompts.ts';

/** Something to ask, and the text that stands whole in front of the question. */
export interface SpeculationTask {
  readonly kind: TaskKind;
  /** A file that was read again for the question; null where the text is in the question, or there is none. */
  readonly file: string | null;
  readonly question: string;
}

export const taskKinds = ['explain', 'summarize', 'list', 'edit', 'file', 'chat'] as const;
export type TaskKind = (typeof taskKinds)[number];

/** Characters of a selection. */
const selected = 1200;

const chats = [
  'How does a steam engine work?',
  'Write a short story about a lighthouse keeper.',
  'What should I think of before I buy a used bicycle?',
  'Explain recursion to a child.',
  'What is the difference between a list and a set in programming?',
  'Give me some ideas for a rainy afternoon.',
  'Why do leaves change colour in autumn?',
  'How do I write a good commit message?',
  'Describe how bread is made.',
  'What are the advantages of static typing?',
  'Tell me about the history of the printing press.',
  'How does a hash table find an entry?',
  'Write an email that asks a colleague to review my code.',
  'What makes a good password?',
  'How do vaccines work?',
  'When should I use a database rather than a file?',
  'Describe a walk through a market.',
  'What is the point of unit tests?',
  'How is glass made?',
  'Explain what an operating system does.',
  'What can I cook with potatoes, eggs and onions?',
  'Why is it colder on top of a mountain?',
  'What is version control good for?',
  'Write a poem about the sea.',
];

/** Tasks of every kind in turns, `count` of each. */
export async function speculationTasks(kinds: readonly TaskKind[], count: number): Promise<SpeculationTask[]> {
  const texts = await heldoutTexts();
  const [code = [], prose = []] = (['code', 'prose'] as const).map((kind) => {
    return texts.filter((each) => each.kind === kind).map(({ text }) => head(text));
  });
  const tasks: SpeculationTask[] = [];
  for (let i = 0; i < count; i++) {
    const selection = inlined({
      kind: 'selection',
      path: `src/part${i}.ts`,
      languageId: 'typescript',
      startLine: 1,
      symbolLines: [],
      text: code[i] ?? '',
    });
    const questions: Readonly<Record<TaskKind, string>> = {
      explain: `${selection}\nExplain what this code does, step by step.`,
      summarize: `${prose[i] ?? ''}\n\nSummarize this text in a few sentences.`,
      list: `${selection}\nList the names that this code declares, each with the line that declares it.`,
      edit: `${selection}\nWrite this code again, with a comment above every function.`,
      file: 'Show the beginning of the file.',
      chat: chats[i % chats.length] ?? '',
    };
    for (const kind of kinds)
      tasks.push({ kind, file: kind === 'file' ? (code[i] ?? '') : null, question: questions[kind] });
  }
  return tasks;
}

/** The beginning of a text, up to the end of a line. */
function head(text: string): string {
  const end = text.lastIndexOf('\n', selected);
  return text.slice(0, end > 0 ? end : selected).toWellFormed();
}
