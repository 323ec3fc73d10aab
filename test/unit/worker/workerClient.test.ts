import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { AnchorageError, type ErrorReason } from '../../../src/protocol/errors.ts';
import { samplingSchema } from '../../../src/protocol/sampling.ts';
import {
  askRequest,
  createSessionRequest,
  initializeRequest,
  listSessionsRequest,
  loadModelRequest,
  logNotification,
  openSessionRequest,
  protocolVersion,
} from '../../../src/protocol/worker.ts';
import { WorkerClient, type WorkerListener } from '../../../src/worker/client/workerClient.ts';
import { spawnWorker } from '../../../src/worker/client/workerProcess.ts';
import { RpcEndpoint } from '../../../src/worker/rpc/endpoint.ts';
import { fakeLoad, fakeOptions, fakeWorkerPath, question, withWorker } from './workerFixtures.ts';

const reasonIs = (reason: ErrorReason) => (error: unknown) => AnchorageError.is(error, reason);

describe('worker process', function () {
  this.timeout(15_000);

  async function loadedSession(worker: WorkerClient): Promise<string> {
    await worker.request(loadModelRequest, fakeLoad);
    return (await worker.request(createSessionRequest, { ephemeral: false })).id;
  }

  it('shakes hands and says what it runs on', () =>
    withWorker({}, async ({ info }) => {
      assert.equal(info.protocolVersion, protocolVersion);
      assert.equal(info.node, process.version);
      assert.match(info.onnxruntime, /^\d+\.\d+/);
      assert.equal(info.storageWarning, null);
    }));

  async function withRawWorker(test: (endpoint: RpcEndpoint) => Promise<void>): Promise<void> {
    const child = spawnWorker({ workerPath: fakeWorkerPath });
    const endpoint = new RpcEndpoint(child.stdout, child.stdin);
    endpoint.listen();
    try {
      await test(endpoint);
    } finally {
      child.kill('SIGKILL');
    }
  }

  it('refuses another version of the protocol, naming both', () =>
    withRawWorker(async (endpoint) => {
      const params = { protocolVersion: 99, client: 'test', storageFolder: null };
      await assert.rejects(endpoint.request(initializeRequest, params), (error) => {
        return (
          AnchorageError.is(error, 'versionMismatch') &&
          error.message.includes('99') &&
          error.message.includes(`${protocolVersion}`)
        );
      });
    }));

  it('refuses requests before the handshake', () =>
    withRawWorker((endpoint) =>
      assert.rejects(endpoint.request(listSessionsRequest, {}), reasonIs('versionMismatch')),
    ));

  it('streams an answer in order: progress, then tokens, then the whole of it', async () => {
    const events: string[] = [];
    const listener: WorkerListener = {
      onProgress: ({ requestId, stage }) => requestId !== null && events.push(stage),
      onToken: ({ text }) => events.push(text),
    };
    await withWorker({ listener }, async (worker) => {
      const { exchange, memory } = await worker.request(askRequest, question(await loadedSession(worker), 'print'));
      const tokens = events.filter((event) => event.startsWith('word'));
      assert.equal(exchange.answer, tokens.join(''));
      assert.equal(tokens.length, 5);
      assert.ok(events.lastIndexOf('read') < events.indexOf('word0 '), events.join(','));
      assert.equal(memory.sequences.at(-1)?.state, 'live');
    });
  });

  it('goes on on the CPU when the device is lost in the middle of an answer, which is told once and whole', async () => {
    let streamed = '';
    const providers: string[] = [];
    const listener: WorkerListener = {
      onToken: ({ text }) => (streamed += text),
      onModelChanged: ({ executionProvider }) => providers.push(executionProvider),
    };
    await withWorker({ listener }, async (worker) => {
      const { executionProvider } = await worker.request(loadModelRequest, { ...fakeLoad, packageFolder: 'device' });
      assert.equal(executionProvider, 'webgpu');
      const { id } = await worker.request(createSessionRequest, { ephemeral: false });
      await worker.request(askRequest, question(id, 'hello'));
      streamed = '';
      const { exchange, memory } = await worker.request(askRequest, question(id, 'unplug'));
      assert.equal(exchange.answer, 'word0 word1 word2 word3 word4 ');
      assert.equal(streamed, exchange.answer);
      assert.deepEqual(providers, ['cpu']);
      const exchanges = memory.sequences.filter(({ kind }) => kind === 'exchange');
      assert.deepEqual(
        exchanges.map(({ state }) => state),
        ['anchored', 'live'],
      );
      await worker.request(askRequest, question(id, 'again'));
    });
  });

  it('lets a question wait while the model loads', () =>
    withWorker({}, async (worker) => {
      const loading = worker.request(loadModelRequest, { ...fakeLoad, packageFolder: 'slow' });
      const { id } = await worker.request(createSessionRequest, { ephemeral: false });
      const answer = await worker.request(askRequest, question(id, 'hello'));
      assert.equal(answer.exchange.stopReason, 'maxTokens');
      await loading;
    }));

  it('says why there is no model', () =>
    withWorker({}, async (worker) => {
      const { id } = await worker.request(createSessionRequest, { ephemeral: false });
      await assert.rejects(worker.request(askRequest, question(id, 'hello')), reasonIs('modelMissing'));
      await assert.rejects(
        worker.request(loadModelRequest, { ...fakeLoad, packageFolder: 'missing' }),
        reasonIs('modelMissing'),
      );
      await assert.rejects(worker.request(askRequest, question(id, 'hello')), (error) => {
        return AnchorageError.is(error, 'modelMissing') && error.remedy === 'Build it.';
      });
    }));

  it('stops within 200 ms and keeps what was answered', async () => {
    let first = (): void => {};
    const begun = new Promise<void>((resolve) => (first = resolve));
    await withWorker({ listener: { onToken: () => first() } }, async (worker) => {
      const id = await loadedSession(worker);
      const abort = new AbortController();
      const sampling = samplingSchema.parse({ maxTokens: 2000 });
      const asked = worker.request(askRequest, question(id, 'long', { sampling }), { signal: abort.signal });
      await begun;
      const stopped = performance.now();
      abort.abort();
      const { exchange } = await asked;
      assert.ok(performance.now() - stopped < 200);
      assert.equal(exchange.stopReason, 'cancelled');
      assert.match(exchange.answer, /^word0 /);
      const { exchanges } = await worker.request(openSessionRequest, { sessionId: id });
      assert.deepEqual(exchanges, [exchange]);
    });
  });

  it('leaves no trace of a question that is cancelled before its answer begins', () =>
    withWorker({}, async (worker) => {
      const id = await loadedSession(worker);
      const abort = new AbortController();
      const long = {
        text: 'some line of code\n'.repeat(1000),
        kind: 'file' as const,
        path: 'a.ts',
        languageId: 'ts',
        startLine: 1,
      };
      const asked = worker.request(askRequest, question(id, 'hello', { attachments: [long] }), {
        signal: abort.signal,
      });
      setTimeout(() => abort.abort(), 60);
      await assert.rejects(asked, reasonIs('cancelled'));
      const view = await worker.request(openSessionRequest, { sessionId: id });
      assert.deepEqual(view.exchanges, []);
      assert.deepEqual(
        view.memory.sequences.map(({ kind }) => kind),
        ['prefix'],
      );
    }));

  it('names the field of a bad parameter, and goes on', () =>
    withWorker({}, async (worker) => {
      const id = await loadedSession(worker);
      const bad = question(id, 'hello', { sampling: { ...samplingSchema.parse({}), temperature: -1 } });
      await assert.rejects(worker.request(askRequest, bad), (error) => {
        return AnchorageError.is(error, 'invalidInput') && error.message.includes('sampling.temperature');
      });
      await assert.rejects(worker.request(askRequest, question(id, '  ')), reasonIs('invalidInput'));
      await assert.rejects(worker.request(askRequest, question('nobody', 'hello')), reasonIs('invalidInput'));
      await assert.rejects(worker.request(askRequest, question(id, 'fail')), reasonIs('internal'));
      assert.equal((await worker.request(askRequest, question(id, 'hello'))).exchange.stopReason, 'maxTokens');
    }));

  it('fails what is in flight with workerDied when it crashes, and says what it wrote last', async () => {
    const worker = await WorkerClient.start(fakeOptions());
    const id = await loadedSession(worker);
    const asked = worker.request(askRequest, question(id, 'crash'));
    const waiting = worker.request(askRequest, question(id, 'hello'));
    await assert.rejects(
      asked,
      (error) => AnchorageError.is(error, 'workerDied') && error.message.includes('told to crash'),
    );
    await assert.rejects(waiting, reasonIs('workerDied'));
    await assert.rejects(worker.request(listSessionsRequest, {}), reasonIs('workerDied'));
  });

  it('says what could not be started', async () => {
    await assert.rejects(WorkerClient.start(fakeOptions({ nodePath: '/nowhere/node' })), (error) => {
      return AnchorageError.is(error, 'workerDied') && error.message.includes('/nowhere/node');
    });
    await assert.rejects(WorkerClient.start(fakeOptions({ env: { FAKE_WORKER_DIES: 'at start' } })), (error) => {
      return AnchorageError.is(error, 'workerDied') && error.message.includes('exit code 7');
    });
  });

  it('keeps the answer so far when it is told to end, within a second', async () => {
    const begun = Promise.withResolvers<null>();
    const worker = await WorkerClient.start(fakeOptions({ listener: { onToken: () => begun.resolve(null) } }));
    const id = await loadedSession(worker);
    const sampling = samplingSchema.parse({ maxTokens: 2000 });
    const asked = worker.request(askRequest, question(id, 'long', { sampling }));
    await begun.promise;
    const begin = performance.now();
    const [{ exchange }] = await Promise.all([asked, worker.shutdown()]);
    assert.equal(exchange.stopReason, 'cancelled');
    assert.ok(performance.now() - begin < 1000);
  });

  it('ends without sealing what it answered last, which the next start can do', async () => {
    const begun = Promise.withResolvers<null>();
    const worker = await WorkerClient.start(
      fakeOptions({ env: { FAKE_WORKER_READS: '1500' }, listener: { onToken: () => begun.resolve(null) } }),
    );
    const id = await loadedSession(worker);
    const sampling = samplingSchema.parse({ maxTokens: 2000 });
    const asked = worker.request(askRequest, question(id, 'long', { sampling }));
    await begun.promise;
    const [{ exchange }] = await Promise.all([asked, worker.shutdown()]);
    assert.equal(exchange.stopReason, 'cancelled');
    // Sealing would take longer than the second after which it is killed.
    assert.match((await worker.closed).message, /exit code 0/);
  });

  it('refuses what is asked of a worker that has gone, and drops what is told to it', async () => {
    const child = spawnWorker({ workerPath: fakeWorkerPath });
    const endpoint = new RpcEndpoint(child.stdout, child.stdin);
    endpoint.listen();
    const closed = new Promise((resolve) => endpoint.onClose(() => resolve(null)));
    child.kill('SIGKILL');
    await closed;
    await assert.rejects(endpoint.request(listSessionsRequest, {}), reasonIs('workerDied'));
    endpoint.notify(logNotification, { level: 'info', message: 'to nobody' });
    endpoint.dispose();
    endpoint.notify(logNotification, { level: 'info', message: 'to nobody' });
    await sleep(0);
  });

  it('ends when its parent is killed', async () => {
    const script = `
      import { spawnWorker } from ${JSON.stringify(new URL('../../../src/worker/client/workerProcess.ts', import.meta.url).href)};
      const child = spawnWorker({ workerPath: ${JSON.stringify(fakeWorkerPath)} });
      console.log(child.pid);
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [output] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(output.toString());
    assert.ok(isRunning(pid));
    parent.kill('SIGKILL');
    for (let waited = 0; isRunning(pid) && waited < 5000; waited += 50) await sleep(50);
    assert.ok(!isRunning(pid));
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
