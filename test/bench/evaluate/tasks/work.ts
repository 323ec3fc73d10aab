/** What an assistant is for: explaining functions and files, commit messages, summaries, against what authors wrote. */
import { z } from 'zod';
import { anchored, bounds, controls, type Arm } from '../arms.ts';
import { shuffled } from '../drawn.ts';
import type { Item } from '../item.ts';
import type { ItemSource, Scale, Task } from '../task.ts';

const testSplit = /"split": ?"test"/;
const rowBase = { repo: z.string(), split: z.literal('test') };
const functionRow = z.object({
  ...rowBase,
  path: z.string(),
  lang: z.string(),
  name: z.string().min(1),
  code: z.string().min(1),
  description: z.string().min(1),
});
const fileRow = functionRow.omit({ description: true }).extend({ summary: z.string().min(1) });
const commitRow = z.object({ ...rowBase, diff: z.string().min(1), message: z.string().min(1) });

type FunctionRow = z.infer<typeof functionRow>;

const metrics = ['chrF', 'ROUGE_L', 'BLEU_4'] as const;
const longestCode = 4000;
const maxTokens = 64;

function workArms(scale: Scale): Arm[] {
  if (scale === 'quick') return [...bounds('anchors'), ...anchored([8]), ...bounds('base')];
  return [...bounds('anchors'), ...anchored([4, 8, 16]), ...bounds('base', false), ...controls([8])];
}

const common = {
  part: 'work',
  metrics,
  limits: { quick: { items: 2, controls: 2 }, whole: { items: 24, controls: 8 } },
  arms: workArms,
} as const satisfies Partial<Task>;

const ownWords =
  "References are the authors' own doc comments and messages, one each: what is right in other words scores low. Rows of repositories that no training saw.";

export const workTasks: readonly Task[] = [
  {
    ...common,
    name: 'explain-function',
    title: 'Explaining a function',
    items: async (source) =>
      (await functions(source)).map((row): Item => {
        const ask = {
          kind: 'reference',
          question: `What does \`${row.name}\` do?`,
          reference: row.description,
        } as const;
        return workItem(`${row.repo} ${row.path} ${row.name}`, [codeChunk(row)], ask, true);
      }),
    caveats: [ownWords],
    files: ['pairs/functions'],
  },
  {
    ...common,
    name: 'explain-file',
    title: 'Explaining a file or class',
    items: async ({ data, limit }) =>
      drawn(await data.rows('pairs/files', fileRow, testSplit), limit).map((row): Item => {
        const code = row.code.slice(0, longestCode).toWellFormed();
        const ask = { kind: 'reference', question: `What is \`${row.name}\` for?`, reference: row.summary } as const;
        return workItem(`${row.repo} ${row.path} ${row.name}`, [codeChunk({ ...row, code })], ask, true);
      }),
    caveats: [ownWords, `Code is cut after ${longestCode} characters.`],
    files: ['pairs/files'],
  },
  {
    ...common,
    name: 'commit-message',
    title: 'Commit message',
    items: async ({ data, limit }) =>
      drawn(await data.rows('pairs/commits', commitRow, testSplit), limit).map(({ repo, diff, message }, n): Item => {
        const ask = {
          kind: 'reference',
          question: 'Write a commit message for this change, in one line.',
          reference: message.split('\n')[0] ?? message,
        } as const;
        return workItem(`${repo} ${n}`, [`\`\`\`diff\n${diff.trimEnd()}\n\`\`\`\n`], ask, false);
      }),
    caveats: [ownWords],
    files: ['pairs/commits'],
  },
  {
    ...common,
    name: 'session-summary',
    title: 'Summary of a session',
    items: async (source) => {
      const perSession = 3;
      const rows = (await functions({ ...source, limit: source.limit * perSession })).filter(
        ({ code }) => code.length < longestCode / perSession,
      );
      return Array.from({ length: Math.floor(rows.length / perSession) }, (_, n): Item => {
        const own = rows.slice(n * perSession, (n + 1) * perSession);
        const chunks = own.map((row) => ({
          user: `What does this ${row.lang} code do?\n\`\`\`${row.lang}\n${row.code}\n\`\`\``,
          assistant: `\`${row.name}\`: ${row.description}`,
        }));
        const reference = own.map(({ description }) => description).join(' ');
        const question = 'Summarize our conversation so far in a few sentences.';
        const item = workItem(`session-${n}`, chunks, { kind: 'reference', question, reference }, false);
        return { ...item, ask: { kind: 'reference', question, reference, maxTokens: 2 * maxTokens } };
      });
    },
    caveats: [
      'Sessions are made of three function rows, each asked about and answered with its doc comment; the reference is these answers joined, since the data has no summaries of sessions.',
    ],
    files: ['pairs/functions'],
  },
];

function workItem(
  id: string,
  chunks: Item['chunks'],
  ask: { readonly kind: 'reference'; readonly question: string; readonly reference: string },
  independent: boolean,
): Item {
  return { id, chunks, independent, pinned: 'system', ask: { ...ask, maxTokens } };
}

/** As the worker writes chunks of files. */
function codeChunk({ path, lang, code }: Pick<FunctionRow, 'path' | 'lang' | 'code'>): string {
  return `File: ${path}\n\`\`\`${lang}\n${code}\n\`\`\`\n`;
}

async function functions({ data, limit }: ItemSource): Promise<FunctionRow[]> {
  return drawn(await data.rows('pairs/functions', functionRow, testSplit), limit);
}

/** As many of each repository as there are, in turns: a few have most of the rows. */
function drawn<T extends { readonly repo: string }>(rows: readonly T[], limit: number): T[] {
  const byRepo = Map.groupBy(shuffled(rows, 1), ({ repo }) => repo);
  const repos = [...byRepo.keys()].sort();
  const out: T[] = [];
  for (let turn = 0; out.length < Math.min(limit, rows.length); turn++) {
    for (const repo of repos) out.push(...(byRepo.get(repo) ?? []).slice(turn, turn + 1));
  }
  return out.slice(0, limit);
}
