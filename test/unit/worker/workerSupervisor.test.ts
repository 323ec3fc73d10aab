import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CrashBreaker } from '../../../src/host/worker/crashBreaker.ts';
import { WorkerSupervisor, type SupervisorState } from '../../../src/host/worker/workerSupervisor.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { askRequest, createSessionRequest } from '../../../src/protocol/worker.ts';
import type { WorkerClientOptions } from '../../../src/worker/client/workerClient.ts';
import { fakeLoad, fakeOptions, question } from './workerFixtures.ts';

describe('worker supervisor', function () {
  this.timeout(20_000);
  let running: WorkerSupervisor | undefined;

  afterEach(async () => {
    await running?.stop();
  });

  interface Watched {
    readonly supervisor: WorkerSupervisor;
    readonly states: string[];
    readonly restarted: Promise<AnchorageError>;
    readonly gaveUp: Promise<AnchorageError>;
    readonly warnings: readonly string[];
  }

  function supervise(
    worker: () => Partial<WorkerClientOptions> = () => ({}),
    packageFolder = (): string => 'fake',
  ): Watched {
    const restarted = Promise.withResolvers<AnchorageError>();
    const gaveUp = Promise.withResolvers<AnchorageError>();
    const states: string[] = [];
    const warnings: string[] = [];
    const onState = (state: SupervisorState): void => {
      states.push(state.state);
      if (state.state === 'failed' && state.error.reason === 'workerGaveUp') gaveUp.resolve(state.error);
    };
    const supervisor = new WorkerSupervisor(
      {
        worker: () => fakeOptions(worker()),
        load: () => ({ ...fakeLoad, packageFolder: packageFolder() }),
        breaker: new CrashBreaker({ firstDelay: 10 }),
      },
      { onState, onRestart: restarted.resolve, onWarning: (message) => warnings.push(message) },
    );
    running = supervisor;
    return { supervisor, states, restarted: restarted.promise, gaveUp: gaveUp.promise, warnings };
  }

  it('starts a worker and loads the model once, whoever asks', async () => {
    const { supervisor, states } = supervise();
    const [first, second] = await Promise.all([supervisor.ready(), supervisor.ready()]);
    assert.equal(first.client, second.client);
    assert.equal(first.model.name, 'fake');
    assert.deepEqual(states, ['loading', 'ready']);
  });

  it('is as it was before, where a worker was wanted and no model', async () => {
    const { supervisor, states } = supervise();
    const client = await supervisor.client();
    assert.deepEqual(states, ['loading', 'stopped']);
    assert.equal((await supervisor.ready()).client, client);
    assert.deepEqual(states, ['loading', 'stopped', 'loading', 'ready']);
    await supervisor.client();
    assert.equal(supervisor.state.state, 'ready');
  });

  it('takes what is found out of a model after it was loaded, and nothing of one that is gone', async () => {
    const { supervisor, states } = supervise();
    const { model } = await supervisor.ready();
    const later = { ...model, executionProviderReason: 'CPU, because the GPU hung.' };
    supervisor.noteModel(later);
    assert.deepEqual(supervisor.state, { state: 'ready', model: later });
    await supervisor.stop();
    supervisor.noteModel(model);
    assert.deepEqual(states, ['loading', 'ready', 'ready', 'stopped']);
  });

  it('starts no worker any more once it is disposed of', async () => {
    const { supervisor, states } = supervise();
    await supervisor.ready();
    await supervisor.dispose();
    await assert.rejects(supervisor.client(), (error) => AnchorageError.is(error, 'cancelled'));
    await assert.rejects(supervisor.restart(), (error) => AnchorageError.is(error, 'cancelled'));
    assert.deepEqual(states, ['loading', 'ready', 'stopped']);
  });

  it('starts the worker again after a crash, with the model and the stored sessions', async () => {
    const storageFolder = mkdtempSync(join(tmpdir(), 'anchorage-supervisor-'));
    try {
      const { supervisor, states, restarted } = supervise(() => ({ storageFolder }));
      const { client } = await supervisor.ready();
      const { id } = await client.request(createSessionRequest, { ephemeral: false });
      await client.request(askRequest, question(id, 'hello'));
      await assert.rejects(client.request(askRequest, question(id, 'crash')), (error) =>
        AnchorageError.is(error, 'workerDied'),
      );
      const waiting = supervisor.ready();
      assert.match((await restarted).message, /SIGKILL/);
      const again = await waiting;
      assert.notEqual(again.client.pid, client.pid);
      const { memory } = await again.client.request(askRequest, question(id, 'again'));
      assert.equal(memory.sequences.filter(({ kind }) => kind === 'exchange').length, 2);
      assert.deepEqual(states, ['loading', 'ready', 'loading', 'ready']);
    } finally {
      await running?.stop();
      rmSync(storageFolder, { recursive: true, force: true });
    }
  });

  it('gives up after three crashes in a minute, until it is told to restart', async () => {
    let dies: Record<string, string> = { FAKE_WORKER_DIES: 'while loading' };
    const { supervisor, gaveUp } = supervise(() => ({ env: dies }));
    await assert.rejects(supervisor.ready(), (error) => AnchorageError.is(error, 'workerDied'));
    assert.match((await gaveUp).message, /exit code 8/);
    await assert.rejects(supervisor.ready(), (error) => AnchorageError.is(error, 'workerGaveUp'));
    await assert.rejects(supervisor.client(), (error) => AnchorageError.is(error, 'workerGaveUp'));
    dies = {};
    assert.equal((await supervisor.restart()).model.name, 'fake');
    assert.equal(supervisor.state.state, 'ready');
  });

  it('falls back to its own Node when the one of the settings does not start, with a warning', async () => {
    const { supervisor, warnings } = supervise(() => ({ nodePath: '/nowhere/node' }));
    assert.equal((await supervisor.ready()).model.name, 'fake');
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /\/nowhere\/node/);
  });

  it('tells that the model is missing, and loads it once it is there', async () => {
    let folder = 'missing';
    const { supervisor, states } = supervise(undefined, () => folder);
    await assert.rejects(supervisor.ready(), (error) => AnchorageError.is(error, 'modelMissing'));
    assert.deepEqual(states, ['loading', 'failed']);
    folder = 'fake';
    assert.equal((await supervisor.ready()).model.name, 'fake');
  });

  it('forgets crashes after their minute, and doubles the delay within it', () => {
    let now = 0;
    const breaker = new CrashBreaker({ limit: 4, firstDelay: 100, now: () => now });
    assert.equal(breaker.crashed(), 100);
    assert.equal(breaker.crashed(), 200);
    now = 61_000;
    assert.equal(breaker.crashed(), 100);
    assert.equal(breaker.crashed(), 200);
    assert.equal(breaker.crashed(), 400);
    assert.equal(breaker.crashed(), null);
    breaker.reset();
    assert.equal(breaker.crashed(), 100);
  });
});
