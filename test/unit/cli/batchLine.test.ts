import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { linesOf } from '../../../src/cli/batchFiles.ts';
import { batchLine } from '../../../src/cli/batchLine.ts';

describe('the lines of a batch', () => {
  /** Reads a file that arrives in pieces of `size` bytes. */
  async function read(bytes: Buffer, size: number): Promise<string[]> {
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.subarray(i * size, (i + 1) * size),
    );
    const lines: string[] = [];
    for await (const line of linesOf(Readable.from(pieces))) lines.push(Buffer.from(line).toString());
    return lines;
  }

  it('end with a newline alone, wherever the pieces end', async () => {
    const lines = ['{"chunks": ["a\u2028b\u2029c\u0085d"]}', '', '"é𝒳"\r', '{}'];
    for (const size of [1, 2, 3, 7, 1000]) {
      assert.deepEqual(await read(Buffer.from(lines.join('\n')), size), lines);
    }
  });

  it('are rows, whatever their separators and marks', () => {
    const question = 'one\u2028two';
    const text = JSON.stringify({ id: 1, question });
    for (const line of [text, `\ufeff${text}`, `${text}\r`]) {
      const parsed = batchLine(Buffer.from(line), 1);
      assert.ok(parsed !== null && 'row' in parsed);
      assert.equal(parsed.row.question, question);
    }
    assert.equal(batchLine(Buffer.from(' \r'), 2), null);
  });

  it('that are not UTF-8 are told, not mended', () => {
    const parsed = batchLine(Buffer.concat([Buffer.from('{"id": 1, "question": "'), Buffer.of(0xe9, 0x22, 0x7d)]), 3);
    assert.ok(parsed !== null && 'error' in parsed);
    assert.equal(parsed.error.message, 'line 3 is not UTF-8: its byte 23 is invalid');
  });
});
