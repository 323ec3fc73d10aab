import assert from 'node:assert/strict';
import { BlockSplitter, splitBlocks } from '../../../src/webview/markdown/blockSplitter.ts';
import { parseMarkdown } from '../../../src/webview/markdown/parseMarkdown.ts';

/** Lines out of which random documents are made: what models write, and what is hard to cut. */
const lines = [
  '',
  '',
  'A sentence with `code` and *words*.',
  '# A heading',
  '- an item',
  '  - a nested item',
  '* another kind of item',
  '1. first',
  '2) second',
  '   more of an item',
  '  two spaces',
  '    four spaces',
  '\ta tab',
  '```',
  '```ts',
  '   ```',
  '  ~~~',
  '~~~~ text',
  '````',
  '``` not ` a fence',
  '> a quote',
  '| a | b |',
  '|---|---|',
  '---',
  '===',
  '***',
  '-',
  '&amp; <b>html</b>',
];

/** Small generator of numbers, so that a failure can be run again (mulberry32). */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * below;
  };
}

function randomDocument(random: (below: number) => number): string {
  return Array.from({ length: 1 + random(14) }, () => lines[Math.floor(random(lines.length))] ?? '').join('\n');
}

function pushInPieces(text: string, random: (below: number) => number): string[] {
  const splitter = new BlockSplitter();
  const blocks: string[] = [];
  for (let at = 0; at < text.length;) {
    const length = 1 + Math.floor(random(9));
    blocks.push(...splitter.push(text.slice(at, at + length)));
    at += length;
  }
  return [...blocks, ...splitter.finish()];
}

describe('BlockSplitter', () => {
  it('gives a paragraph once another block begins', () => {
    const splitter = new BlockSplitter();
    assert.deepEqual(splitter.push('one\n\n'), []);
    assert.deepEqual(splitter.push('tw'), ['one\n\n']);
    assert.deepEqual(splitter.push('o'), []);
    assert.equal(splitter.tail, 'two');
  });

  it('waits for the end of a line that may become another block', () => {
    const splitter = new BlockSplitter();
    splitter.push('- one\n\n');
    assert.deepEqual(splitter.push('-'), []);
    assert.deepEqual(splitter.push(' two\n'), []);
    assert.equal(splitter.tail, '- one\n\n- two\n');
  });

  it('keeps a fence whole, blank lines and all', () => {
    const splitter = new BlockSplitter();
    assert.deepEqual(splitter.push('text\n```py\na\n\n# b\n'), ['text\n']);
    assert.deepEqual(splitter.push('```\n'), []);
    assert.deepEqual(splitter.push('more'), ['```py\na\n\n# b\n```\n']);
    assert.deepEqual(splitter.finish(), ['more']);
    assert.equal(splitter.tail, '');
  });

  it('keeps the items of a loose list together', () => {
    assert.deepEqual(splitBlocks('- a\n\n- b\n\n  c\n\nd'), ['- a\n\n- b\n\n  c\n\n', 'd']);
  });

  it('loses and adds nothing', () => {
    const text = '# a\n\n\n- b\n```\nc\n```\n\nd\n\n    e\n';
    assert.equal(splitBlocks(text).join(''), text);
  });

  it('cuts alike however the text arrives, and blocks parse to what the whole text parses to', function () {
    this.timeout(20_000);
    for (let seed = 1; seed <= 2000; seed++) {
      const random = randomNumbers(seed);
      const text = randomDocument(random);
      const blocks = splitBlocks(text);
      assert.deepEqual(pushInPieces(text, random), blocks, `pieces, seed ${seed}: ${JSON.stringify(text)}`);
      assert.deepEqual(
        blocks.flatMap((block) => parseMarkdown(block)),
        parseMarkdown(text),
        `parsed, seed ${seed}: ${JSON.stringify(text)}`,
      );
    }
  });
});
