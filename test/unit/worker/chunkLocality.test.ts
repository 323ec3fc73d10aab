import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../../../src/engine/random.ts';
import { cutText } from '../../../src/worker/chunker.ts';
import { estimateTokens } from '../../../src/worker/chunks/tokenEstimate.ts';
import { editLine } from '../../bench/lineEdits.ts';

const repository = join(import.meta.dirname, '..', '..', '..');
const limit = 256;
const round = 20;

const files = globSync(['src/**/*.ts', 'models/training/*.py', '*.md', 'package.json'], { cwd: repository })
  .sort()
  .map((path) => readFileSync(join(repository, path), 'utf8'));
const sources = files.map((text) => text.trimEnd()).join('\n\n');
const twoThousand = sources.split('\n').slice(0, 2000).join('\n');

/** Tokens by the estimate, spoilt a little: no tokenizer keeps to it. */
function tokensOf(text: string): number {
  return Math.ceil(estimateTokens(text) * (0.9 + (text.length % 7) / 35));
}

function cut(text: string): string[] {
  return [...cutText(text, { startLine: 1, limit, cost: (chunk) => round + tokensOf(chunk.text) })].map(
    (chunk) => chunk.text,
  );
}

/** How many chunks of a text, after one line was edited, were none before. */
function freshChunks(text: string, known: ReadonlySet<string>, random: Random): number {
  return cut(editLine(text, random)).filter((chunk) => !known.has(chunk)).length;
}

describe('chunks of real files', () => {
  it('cover their text, within the limit, and few are below a quarter of it', () => {
    const sizes = files.flatMap((text) => {
      const chunks = cut(text);
      assert.equal(chunks.join(''), text);
      return chunks.length < 2 ? [] : chunks.map(tokensOf);
    });
    assert.ok(sizes.length > 1000);
    assert.ok(sizes.every((size) => size + round <= limit));
    const small = sizes.filter((size) => size + round < limit / 4).length;
    assert.ok(small < sizes.length * 0.02, `${small} of ${sizes.length}`);
  });

  it('are at most three new ones after an edit of a line, but for one edit in 500', () => {
    const random = new Random(11);
    const [wide, all] = [new Set(cut(twoThousand)), files.map((text) => [text, new Set(cut(text))] as const)];
    const counts: number[] = [];
    for (let edit = 0; edit < 60; edit++) counts.push(freshChunks(twoThousand, wide, random));
    for (const [text, known] of all) {
      for (let edit = 0; edit < 4; edit++) counts.push(freshChunks(text, known, random));
    }
    // Four are new after one edit of about a thousand. These files change: no seed that spares them would stay good.
    const more = counts.filter((count) => count > 3);
    assert.ok(more.length <= counts.length / 500, `${more.join()} of ${counts.length}`);
    assert.ok(Math.max(...counts) <= 5);
  }).timeout(30_000);
});
