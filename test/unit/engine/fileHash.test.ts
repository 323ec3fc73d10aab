import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256Of } from '../../../src/engine/fileHash.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';

describe('file hash', () => {
  it('is the same in a thread as here, and a thread says what it cannot read', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hash-'));
    try {
      const path = join(folder, 'file');
      for (const length of [0, 3, (1 << 20) + 7]) {
        const bytes = Buffer.alloc(length, 'anchor');
        await writeFile(path, bytes);
        const expected = createHash('sha256').update(bytes).digest('hex');
        assert.equal(await sha256Of(path, length), expected);
        assert.equal(await sha256Of(path, Infinity), expected);
      }
      const missing = join(folder, 'missing');
      for (const bytes of [0, Infinity]) {
        await assert.rejects(sha256Of(missing, bytes), (error) => {
          return AnchorageError.is(error, 'fileUnreadable') && error.message.includes(missing);
        });
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
