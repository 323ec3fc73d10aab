import assert from 'node:assert/strict';
import { Random } from '../../../src/engine/random.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { type ChunkOptions, cutText, type TextChunk } from '../../../src/worker/chunker.ts';

/** Cost as a tokenizer's: about a token for four characters, and some for what is written round a chunk. */
const cost = ({ text }: { readonly text: string }): number => 5 + Math.ceil(text.length / 4);

function cut(text: string, options: Partial<ChunkOptions> = {}): TextChunk[] {
  return [...cutText(text, { startLine: 1, limit: 64, cost, ...options })];
}

function textsOf(chunks: readonly TextChunk[]): string[] {
  return chunks.map(({ text }) => text);
}

describe('chunker', () => {
  it('covers every text exactly, within the limit, with the right lines', () => {
    const random = new Random(7);
    const pick = <T>(items: readonly T[]): T => items[Math.floor(random.next() * items.length)] as T;
    const pieces = ['\n', '\n\n', '  ', 'const x = 1;', '🦊', '\r\n', 'x'.repeat(300), 'éa漢', '}', '\t'];
    for (let round = 0; round < 300; round++) {
      const text = Array.from({ length: Math.floor(random.next() * 80) }, () => pick(pieces)).join('');
      const limit = pick([8, 20, 64]);
      const startLine = pick([1, 100]);
      const chunks = cut(text, { startLine, limit });
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

  const functions = ['a', 'b', 'c', 'd'].map((name) => `function ${name}() {\n  return 1;\n\n  // end\n}\n\n`);

  it('cuts before a line at the margin that follows a blank line', () => {
    const chunks = textsOf(cut(functions.join(''), { limit: 30 }));
    assert.equal(chunks.join(''), functions.join(''));
    assert.ok(chunks.length >= 2);
    assert.ok(chunks.every((text) => text.startsWith('function') && text.endsWith('}\n\n')));
  });

  it('cuts where a symbol begins in a text without blank lines, above its comment', () => {
    const text = functions.map((lines) => `// A comment\n${lines.replaceAll('\n\n', '\n')}`).join('');
    const begins = [...text.split('\n').entries()].filter(([, line]) => line.startsWith('function'));
    const symbolLines = begins.map(([index]) => index + 100);
    const chunks = textsOf(cut(text, { limit: 30, startLine: 100, symbolLines }));
    assert.ok(chunks.length >= 2);
    assert.ok(chunks.every((chunk) => chunk.startsWith('// A comment') && chunk.endsWith('}\n')));
  });

  it('cuts a line that is longer than a chunk', () => {
    const chunks = cut('y'.repeat(100_000), { startLine: 3 });
    assert.ok(chunks.length > 100);
    assert.ok(chunks.every(({ startLine, endLine }) => startLine === 3 && endLine === 3));
  });

  it('moves only the cuts near an edit inside of a long line', () => {
    const random = new Random(5);
    const words = Array.from({ length: 3000 }, () => `${Math.floor(random.next() * 1e9).toString(36)};`);
    const before = new Set(textsOf(cut(words.join(''))));
    words.splice(1500, 1, 'let another=1;');
    const fresh = textsOf(cut(words.join(''))).filter((text) => !before.has(text));
    assert.ok(before.size > 100 && fresh.length <= 3, `${fresh.length} of ${before.size}`);
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
      const chunks = cut(text, { limit: 256, cost: (chunk) => 20 + tokens(chunk.text) });
      assert.equal(textsOf(chunks).join(''), text);
      assert.ok(measured < text.length * 6, `${name}: ${(measured / text.length).toFixed(1)} times`);
    }
  });

  it('refuses to cut where what is written round a chunk leaves hardly any room', () => {
    const tooMuch = ({ text }: { readonly text: string }): number => 60 + Math.ceil(text.length / 4);
    assert.throws(
      () => cut('some text\n'.repeat(50), { cost: tooMuch }),
      (error) => AnchorageError.is(error, 'contextTooLong') && error.message.includes('60 of the 64'),
    );
  });

  it('has nothing to cut in no text', () => {
    assert.deepEqual(cut('', { limit: 8 }), []);
  });
});
