import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchInto } from '../../../scripts/prepare/fetchInto.ts';

const content = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7) % 251));

describe('a download', () => {
  let folder: string;
  let path: string;
  let server: Server | undefined;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'anchorage-fetch-'));
    path = join(folder, 'file.part');
  });
  afterEach(async () => {
    server?.closeAllConnections();
    server?.close();
    await rm(folder, { recursive: true });
  });

  /** Serves the content; each connection breaks after `breakAfter` bytes. Gives the address, and where requests began. */
  async function serve({ breakAfter = Infinity, parts = true, status = 206 } = {}): Promise<[string, number[]]> {
    const begins: number[] = [];
    const found = createServer((request, response) => {
      const from = parts ? Number(/\d+/.exec(request.headers.range ?? '')?.[0] ?? 0) : 0;
      begins.push(from);
      const rest = content.subarray(from);
      response.writeHead(parts ? status : 200, { 'content-length': rest.length });
      if (rest.length <= breakAfter) response.end(rest);
      else response.write(rest.subarray(0, breakAfter), () => setTimeout(() => response.destroy(), 10));
    });
    server = found;
    await new Promise<void>((resolve) => found.listen(0, '127.0.0.1', resolve));
    const address = found.address();
    assert.ok(address !== null && typeof address === 'object');
    return [`http://127.0.0.1:${address.port}/`, begins];
  }
  const options = { totalBytes: content.length, pauseMs: 1 };

  it('goes on where its connection broke', async () => {
    const [url, begins] = await serve({ breakAfter: 40_000 });
    assert.equal(await fetchInto(url, path, options), true);
    assert.ok((await readFile(path)).equals(content));
    assert.deepEqual(begins, [0, 40_000, 80_000]);
  });

  it('goes on where an earlier run was killed', async () => {
    await writeFile(path, content.subarray(0, 99_000));
    const [url, begins] = await serve();
    const seen: number[] = [];
    assert.equal(await fetchInto(url, path, { ...options, onBytes: (bytes) => seen.push(bytes) }), true);
    assert.ok((await readFile(path)).equals(content));
    assert.deepEqual([begins, seen.at(-1)], [[99_000], content.length]);
  });

  it('begins again where the server gives no parts', async () => {
    await writeFile(path, 'something else');
    const [url] = await serve({ parts: false });
    assert.equal(await fetchInto(url, path, options), true);
    assert.ok((await readFile(path)).equals(content));
  });

  it('leaves it to others where the server refuses or is none, and keeps what was there', async () => {
    await writeFile(path, content.subarray(0, 10));
    const [url] = await serve({ status: 403 });
    assert.equal(await fetchInto(url, path, options), false);
    assert.equal(await fetchInto('file:///nowhere.whl', path, options), false);
    assert.equal((await readFile(path)).length, 10);
  });

  it('tells when the network is gone for good', async () => {
    const [url] = await serve({ breakAfter: 40_000 });
    const onBytes = () => server?.close();
    await assert.rejects(fetchInto(url, path, { ...options, onBytes }), {
      reason: 'noNetwork',
      message: /what has arrived is kept/,
    });
    assert.equal((await readFile(path)).length, 40_000);
  });
});
