import assert from 'node:assert/strict';
import { Random } from '../../../src/engine/random.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { chunkText, type TextChunk } from '../../../src/worker/chunker.ts';

/** Cost as a tokenizer's: about a token for four characters, and some for what is written round a chunk. */
const size = (text: string): number => Math.ceil(text.length / 4);
const cost = ({ text }: TextChunk): number => 5 + size(text);

describe('chunker', () => {
  it('covers every text exactly, within the limit, with the right lines', () => {
    const random = new Random(7);
    const pick = <T>(items: readonly T[]): T => items[Math.floor(random.next() * items.length)] as T;
    const pieces = ['\n', '\n\n', '  ', 'const x = 1;', '🦊', '\r\n', 'x'.repeat(300), 'éa漢', '}', '\t'];
    for (let round = 0; round < 300; round++) {
      const text = Array.from({ length: Math.floor(random.next() * 80) }, () => pick(pieces)).join('');
      const limit = pick([8, 20, 64]);
      const startLine = pick([1, 100]);
      const chunks = chunkText(text, { startLine, limit, size, cost });
      assert.equal(chunks.map((chunk) => chunk.text).join(''), text);
      for (const chunk of chunks) {
        assert.equal(text.slice(chunk.from, chunk.to), chunk.text);
        assert.ok(cost(chunk) <= limit, `${cost(chunk)} > ${limit}`);
        assert.ok(chunk.text.isWellFormed());
        assert.equal(chunk.startLine, startLine + text.slice(0, chunk.from).split('\n').length - 1);
        assert.equal(chunk.endLine, startLine + text.slice(0, chunk.to - 1).split('\n').length - 1);
      }
    }
  });

  it('cuts before a line at the margin that follows a blank line', () => {
    const functions = ['a', 'b', 'c', 'd'].map((name) => `function ${name}() {\n  return 1;\n\n  // end\n}\n\n`);
    const chunks = chunkText(functions.join(''), { startLine: 1, limit: 30, size, cost });
    assert.deepEqual(
      chunks.map(({ text }) => text),
      [functions.slice(0, 2).join(''), functions.slice(2).join('')],
    );
  });

  it('cuts a line that is longer than a chunk', () => {
    const chunks = chunkText('y'.repeat(100_000), { startLine: 3, limit: 64, size, cost });
    assert.ok(chunks.length > 100);
    assert.ok(chunks.every(({ startLine, endLine }) => startLine === 3 && endLine === 3));
  });

  it('tokenises every part of a text a few times, whatever it is made of', () => {
    const texts = {
      'one line': 'y'.repeat(400_000),
      'blank lines': '\n'.repeat(20_000),
      lines: 'a line\n'.repeat(5000),
    };
    for (const [name, text] of Object.entries(texts)) {
      let measured = 0;
      // Line breaks merge into one token of up to 16, as in tokenizers of code.
      const tokens = (piece: string): number => {
        measured += piece.length;
        return Math.ceil(piece.replace(/\n{1,16}/g, 'xxxx').length / 4);
      };
      const options = { startLine: 1, limit: 256, size: tokens, cost: (chunk: TextChunk) => 20 + tokens(chunk.text) };
      assert.equal(
        chunkText(text, options)
          .map((chunk) => chunk.text)
          .join(''),
        text,
      );
      assert.ok(measured < text.length * 16, `${name}: ${(measured / text.length).toFixed(1)} times`);
    }
  });

  it('refuses to cut where what is written round a chunk leaves hardly any room', () => {
    const options = { startLine: 1, limit: 64, size, cost: ({ text }: TextChunk) => 60 + size(text) };
    assert.throws(
      () => chunkText('some text\n'.repeat(50), options),
      (error) => AnchorageError.is(error, 'contextTooLong') && error.message.includes('60 of the 64'),
    );
  });

  it('has nothing to cut in no text', () => {
    assert.deepEqual(chunkText('', { startLine: 1, limit: 8, size, cost }), []);
  });
});
