/**
 * Writes the sample that `npm run --silent evaluate -- --quick` takes: the first rows, in the order in which the whole
 * evaluation asks them or near it, of the sets whose licences let them be passed on with little more than a notice.
 *
 *     node test/bench/evaluate/writeSample.ts DATA_FOLDER
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { noOptions, readOptions } from '../../../scripts/options.ts';
import { builtInAdapter, printResult } from '../report.ts';
import { shuffled } from './drawn.ts';
import { EvaluationData } from './evaluationData.ts';

const { _: folders } = readOptions({
  usage: 'usage: node test/bench/evaluate/writeSample.ts DATA_FOLDER',
  schema: noOptions.extend({ _: z.array(z.string()).length(1, 'name the data folder') }),
});

const anyRow = z.record(z.string(), z.unknown());
const codeRow = z.looseObject({
  license: z.enum(['MIT', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause']),
  code: z.string().max(1500),
});
const commitRow = codeRow.omit({ code: true }).extend({ diff: z.string().max(1500) });

interface Sampled {
  readonly file: string;
  readonly rows: number;
  readonly among?: RegExp;
  readonly isWanted?: (row: z.infer<typeof anyRow>) => boolean;
}

const testSplit = /"split": ?"test"/;
const sampled: readonly Sampled[] = [
  { file: 'eval/openbookqa', rows: 40 },
  { file: 'eval/fewshot_openbookqa', rows: 16 },
  { file: 'eval/winogrande', rows: 40 },
  { file: 'eval/piqa', rows: 40 },
  { file: 'eval/hellaswag_1000', rows: 40 },
  { file: 'eval/babi', rows: 36, isWanted: ({ task }) => typeof task === 'number' && task <= 3 },
  { file: 'pairs/functions', rows: 24, among: testSplit, isWanted: (row) => codeRow.safeParse(row).success },
  { file: 'pairs/files', rows: 16, among: testSplit, isWanted: (row) => codeRow.safeParse(row).success },
  { file: 'pairs/commits', rows: 16, among: testSplit, isWanted: (row) => commitRow.safeParse(row).success },
];

const data = new EvaluationData(folders[0] ?? '');
const written: Record<string, number> = {};
for (const { file, rows, among, isWanted = () => true } of sampled) {
  const all = (await data.rows(file, anyRow, among)).filter(isWanted);
  const path = join(builtInAdapter, 'evaluation', 'quick', `${file}.jsonl`);
  const lines = shuffled(all, 1).slice(0, rows);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, lines.map((row) => `${JSON.stringify(row)}\n`).join(''));
  written[file] = lines.length;
}
printResult({ written });
