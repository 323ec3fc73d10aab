/**
 * A chat of 20 turns about a file of code: rows of keys and values held against full caching, and the time to the
 * first token of every turn, over anchors and over the same text kept whole, in turns.
 *
 * Needs the built-in package. `--variant` (int8), `--tokens` of an answer at most (48), `--turns` (20).
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { samplingSchema } from '../../src/protocol/sampling.ts';
import { variants } from '../../src/protocol/packageManifest.ts';
import { AnchorContext } from '../../src/engine/anchorContext.ts';
import { Decoder } from '../../src/engine/decoder.ts';
import { loadPackage } from '../../src/engine/modelPackage.ts';
import { noArguments, readOptions } from '../../scripts/options.ts';
import { builtInPackage, median, printResult, progress, repository, rounded } from './report.ts';

const options = readOptions({
  usage: 'usage: npm run --silent session -- [--variant NAME] [--tokens N of an answer] [--turns N]',
  options: { variant: { type: 'string' }, tokens: { type: 'string' }, turns: { type: 'string' } },
  schema: z.object({
    variant: z.enum(variants).default('int8'),
    tokens: z.coerce.number().int().min(1).default(48),
    turns: z.coerce.number().int().min(1).max(20).default(20),
    _: noArguments,
  }),
});

const folder = join(repository, 'test', 'fixtures', 'session');
const fixture = z
  .object({
    file: z.object({ path: z.string(), languageId: z.string(), source: z.string() }),
    questions: z.array(z.string()).length(20),
  })
  .parse(JSON.parse(await readFile(join(folder, 'questions.json'), 'utf8')));
const code = await readFile(join(folder, fixture.file.source), 'utf8');

const pkg = await loadPackage(builtInPackage);
const decoder = await Decoder.create(pkg, { variant: options.variant, threads: 0 });
const { layout } = pkg;
const anchors = new AnchorContext(decoder, { pinned: layout.pinned() });
const full = new AnchorContext(decoder, { pinned: layout.pinned() });
const chunk = layout.chunk(fixture.file.path, fixture.file.languageId, code);
await anchors.seal(chunk, { independent: pkg.anchors.independent_chunks });
await full.keepWhole(chunk);

const turns: {
  turn: number;
  kvRows: number;
  kvRowsFull: number;
  firstTokenMs: number;
  firstTokenMsFull: number;
  sealMs: number;
}[] = [];
const sampling = samplingSchema.parse({ maxTokens: options.tokens, repetitionPenalty: 1.1 });
for (const [index, question] of fixture.questions.slice(0, options.turns).entries()) {
  const asked = layout.live(question);
  const firstTokenMs = await timed(() => anchors.read(asked, { logits: 'last' }));
  const { rows: kvRows, rowsFull: kvRowsFull } = anchors;
  const firstTokenMsFull = await timed(() => full.read(asked, { logits: 'last' }));
  const answer = await anchors.generate(sampling);
  anchors.dropLive();
  full.dropLive();
  const exchange = layout.exchange(question, answer.text);
  const sealMs = await timed(() => anchors.seal(exchange));
  await full.keepWhole(exchange);
  turns.push({
    turn: index + 1,
    kvRows,
    kvRowsFull,
    firstTokenMs: rounded(firstTokenMs, 3),
    firstTokenMsFull: rounded(firstTokenMsFull, 3),
    sealMs: rounded(sealMs, 3),
  });
  progress(
    `${index + 1}. ${question}\n   ${answer.text.replaceAll('\n', '\n   ')}\n   ${kvRows} of ${kvRowsFull} rows, first token in ${firstTokenMs.toFixed(0)} ms`,
  );
}
await decoder.dispose();
printResult({
  variant: options.variant,
  kvRows: anchors.rows,
  kvRowsFull: anchors.rowsFull,
  kvMB: rounded(anchors.bytes / 1e6, 3),
  kvMBFull: rounded(full.bytes / 1e6, 3),
  medianFirstTokenMs: median(turns.map((turn) => turn.firstTokenMs)),
  medianFirstTokenMsFull: median(turns.map((turn) => turn.firstTokenMsFull)),
  turns,
});

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
