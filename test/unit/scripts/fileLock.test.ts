import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { access, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withFileLock } from '../../../scripts/prepare/fileLock.mjs';

describe('a file lock', () => {
  let folder: string;
  let path: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'anchorage-lock-'));
    path = join(folder, 'locks', 'example');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('lets one in at a time', async () => {
    let inside = 0;
    let most = 0;
    const work = async () => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setTimeout(resolve, 20));
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 5 }, () => withFileLock(path, work, { pollMs: 5 })));
    assert.equal(most, 1);
  });

  it('is given back when the work fails', async () => {
    await assert.rejects(withFileLock(path, () => Promise.reject(new Error('no luck'))));
    await assert.rejects(access(path));
    assert.equal(await withFileLock(path, () => Promise.resolve('in')), 'in');
  });

  it('is taken over from a process that died, by one of many', async () => {
    await withFileLock(path, () => Promise.resolve());
    const { pid } = spawnSync(process.execPath, ['--version']);
    await writeFile(path, `${pid}\n`);
    let inside = 0;
    const work = async () => {
      inside += 1;
      assert.equal(inside, 1);
      await new Promise((resolve) => setTimeout(resolve, 10));
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 4 }, () => withFileLock(path, work, { pollMs: 5 })));
  });

  it('is taken over when its holder gave no sign for long, though its process id lives on', async () => {
    await withFileLock(path, () => Promise.resolve());
    await writeFile(path, `${process.pid}\n`);
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(path, longAgo, longAgo);
    assert.equal(await withFileLock(path, () => Promise.resolve('in')), 'in');
  });

  it('tells who holds it, once', async () => {
    const waits: (number | undefined)[] = [];
    const slow = withFileLock(path, () => new Promise((resolve) => setTimeout(resolve, 80)));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await withFileLock(path, () => Promise.resolve(), { onWait: (holder) => waits.push(holder), pollMs: 5 });
    await slow;
    assert.deepEqual(waits, [process.pid]);
  });
});
