/**
 * What of a file is read again after an edit: real files are cut into chunks as they are when they are attached, one
 * line is replaced, inserted or deleted at random, and the chunks that are new are counted.
 *
 * Needs the built-in package, of which only the tokenizer is used. `--files` largest of this repository's own sources
 * (12), `--edits` in each (100), `--seed` (1).
 */
import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { loadPackage } from '../../src/engine/modelPackage.ts';
import { Random } from '../../src/engine/random.ts';
import { chunksOf, type FileChunk } from '../../src/worker/fileChunks.ts';
import { noArguments, readOptions } from '../../scripts/options.ts';
import { editLine } from './lineEdits.ts';
import { builtInPackage, median, printResult, progress, repository, rounded } from './report.ts';

const options = readOptions({
  usage: 'usage: npm run --silent file-edits -- [--files N] [--edits N in each file] [--seed N]',
  options: { files: { type: 'string' }, edits: { type: 'string' }, seed: { type: 'string' } },
  schema: z.object({
    files: z.coerce.number().int().min(1).default(12),
    edits: z.coerce.number().int().min(1).default(100),
    seed: z.coerce.number().int().default(1),
    _: noArguments,
  }),
});

/** Lines of the file that is put together from the sources. */
const longLines = 2000;
const most = 3;

const { layout, tokenizer, anchors } = await loadPackage(builtInPackage);
// A file is cut again after every edit: chunks that were tokenised before need not be for the figures.
const known = new Map<string, readonly number[]>();
const model: Parameters<typeof chunksOf>[0] = {
  maxSequenceTokens: anchors.max_sequence_tokens,
  encodeText: (text) => tokenizer.encodeText(text),
  encode: (text) => {
    if (text.kind !== 'chunk') throw new RangeError('Only chunks are cut');
    const name = `${text.path}\n${text.text}`;
    const tokens = known.get(name) ?? layout.chunk(text.path, text.languageId, text.text);
    known.set(name, tokens);
    return tokens;
  },
};

const random = new Random(options.seed);
const sources = await sourcesBySize();
const together = sources.map(({ text }) => text.trimEnd()).join('\n\n');
const long = together.split('\n').slice(0, longLines).join('\n');
const files = [{ path: `src/${longLines}Lines.ts`, text: long }, ...sources.slice(0, options.files)];
const results = files.map(({ path, text }) => {
  const result = measure(path, text);
  progress(
    `${path}: ${result.lines} lines in ${result.chunks} chunks; new after an edit: median ${result.median}, most ${result.largest}`,
  );
  return result;
});
const all = results.flatMap(({ fresh }) => fresh);
const sizes = results.flatMap((result) => result.sizes).sort((a, b) => a - b);
printResult({
  edits: all.length,
  newChunks: { median: median(all), largest: Math.max(...all), shareAbove3: rounded(shareOf(all, (n) => n > most)) },
  chunkTokens: {
    least: sizes[0],
    p5: sizes[Math.floor(sizes.length * 0.05)],
    median: median(sizes),
    p95: sizes[Math.floor(sizes.length * 0.95)],
    most: sizes.at(-1),
    shareBelow64: rounded(shareOf(sizes, (size) => size < 64)),
  },
  files: results.map(({ path, lines, tokens, chunks, cutMs, median: middle, largest, readAgain }) => ({
    path,
    lines,
    tokens,
    chunks,
    cutMs,
    newChunks: { median: middle, largest },
    readAgainShare: readAgain,
  })),
});

interface Measured {
  readonly path: string;
  readonly lines: number;
  readonly tokens: number;
  readonly chunks: number;
  /** Milliseconds of cutting the file the first time, tokens included. */
  readonly cutMs: number;
  /** Per edit, chunks that were none of the file before it. */
  readonly fresh: readonly number[];
  readonly median: number;
  readonly largest: number;
  /** Tokens of those chunks, against those of the whole file: the mean of all edits. */
  readonly readAgain: number;
  /** Tokens of each chunk, with what is written round it. */
  readonly sizes: readonly number[];
}

function measure(path: string, text: string): Measured {
  known.clear();
  const began = performance.now();
  const chunks = cut(path, text);
  const cutMs = performance.now() - began;
  const sizes = chunks.map((chunk) => model.encode(chunk).length);
  const tokens = sizes.reduce((sum, size) => sum + size, 0);
  const before = new Set(chunks.map((chunk) => chunk.text));
  const edits = Array.from({ length: options.edits }, () =>
    cut(path, editLine(text, random)).filter((chunk) => !before.has(chunk.text)),
  );
  const fresh = edits.map((added) => added.length);
  const again = edits.flat().reduce((sum, chunk) => sum + model.encode(chunk).length, 0);
  return {
    path,
    lines: text.split('\n').length,
    tokens,
    chunks: chunks.length,
    cutMs: rounded(cutMs, 3),
    fresh,
    median: median(fresh),
    largest: Math.max(...fresh),
    readAgain: rounded(again / edits.length / tokens, 3),
    sizes,
  };
}

function cut(path: string, text: string): FileChunk[] {
  return [...chunksOf(model, { path, languageId: 'typescript', startLine: 1, text, symbolLines: [] })];
}

/** The largest first. */
async function sourcesBySize(): Promise<{ readonly path: string; readonly text: string }[]> {
  const paths = globSync(['src/**/*.ts', 'scripts/**/*.ts', 'models/training/*.py'], { cwd: repository });
  const read = paths.map(async (path) => ({ path, text: await readFile(join(repository, path), 'utf8') }));
  return (await Promise.all(read)).sort((a, b) => b.text.length - a.text.length);
}

function shareOf(values: readonly number[], holds: (value: number) => boolean): number {
  return values.filter(holds).length / values.length;
}
