import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFolder } from '../../../src/convert/packageFolder.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { temporaryFolder } from './temporaryFolder.ts';

describe('replacing a package', () => {
  const folder = temporaryFolder();

  it('leaves the new one alone, or the old one where that fails', () => {
    const final = join(folder(), 'final');
    const fresh = join(folder(), 'fresh');
    mkdirSync(final);
    writeFileSync(join(final, 'old'), '');
    assert.throws(
      () => replaceFolder(final, fresh),
      (error) => AnchorageError.is(error, 'storageUnavailable'),
    );
    assert.deepEqual(readdirSync(final), ['old']);
    mkdirSync(fresh);
    replaceFolder(final, fresh);
    assert.deepEqual([readdirSync(final), readdirSync(folder())], [[], ['final']]);
  });
});
