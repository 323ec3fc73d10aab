import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultPackageFolder, workerPath } from '../../../src/cli/packagePaths.ts';
import {
  askRequest,
  createSessionRequest,
  loadModelRequest,
  openSessionRequest,
} from '../../../src/protocol/worker.ts';
import { WorkerClient } from '../../../src/worker/client/workerClient.ts';
import { fakeLoad, question } from './workerFixtures.ts';

describe('a session on the built-in model', function () {
  this.timeout(90_000);
  let storageFolder: string;

  before(function () {
    if (!existsSync(defaultPackageFolder)) this.skip();
    storageFolder = mkdtempSync(join(tmpdir(), 'anchorage-restore-'));
  });

  after(() => rmSync(storageFolder, { recursive: true, force: true }));

  it('is sealed in idle time, and goes on in another process with nothing read again', async () => {
    let sealed = Promise.withResolvers<number>();
    const progress: string[] = [];
    const start = async (): Promise<WorkerClient> => {
      const worker = await WorkerClient.start({
        workerPath,
        client: 'test',
        storageFolder,
        listener: {
          onMemoryChanged: ({ kvRows }) => sealed.resolve(kvRows),
          onProgress: ({ stage, total }) => progress.push(`${stage} ${total}`),
        },
      });
      await worker.request(loadModelRequest, {
        ...fakeLoad,
        packageFolder: defaultPackageFolder,
        executionProvider: 'cpu',
      });
      return worker;
    };
    const first = await start();
    const { id } = await first.request(createSessionRequest, { ephemeral: false });
    const text = Array.from({ length: 40 }, (_, i) => `export const width${i} = ${i} * 3;\n`).join('');
    const file = { kind: 'file', path: 'widths.ts', languageId: 'typescript', startLine: 1, text } as const;
    const asked = await first.request(askRequest, question(id, 'What is in this file?', { attachments: [file] }));
    assert.equal(asked.memory.sequences.at(-1)?.state, 'live');
    const rows = await sealed.promise;
    assert.ok(rows < asked.memory.kvRowsFull / 3);
    await first.shutdown();

    const second = await start();
    sealed = Promise.withResolvers<number>();
    const view = await second.request(openSessionRequest, { sessionId: id });
    assert.deepEqual(view.exchanges, [asked.exchange]);
    assert.equal(await sealed.promise, rows);
    progress.length = 0;
    const { exchange, memory } = await second.request(askRequest, question(id, 'And how many?'));
    assert.equal(exchange.usage.kvRows, rows + exchange.usage.promptTokens);
    assert.ok(
      progress.every((line) => line === `read ${exchange.usage.promptTokens}`),
      progress.join(),
    );
    assert.deepEqual(
      memory.sequences.map(({ state }) => state),
      ['live', ...view.memory.sequences.map(() => 'anchored'), 'live'],
    );
    await second.shutdown();
  });
});
