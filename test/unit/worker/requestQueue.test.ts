import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { RequestQueue } from '../../../src/worker/requestQueue.ts';

describe('request queue', () => {
  const never = new AbortController().signal;
  const fails = {
    idleLimit: 2,
    onIdleError: (error: unknown): never => {
      throw error;
    },
  };

  it('runs requests one after another, in order, whatever becomes of them', async () => {
    const queue = new RequestQueue(fails);
    const events: string[] = [];
    const job = (name: string) => async () => {
      events.push(`${name} begins`);
      await sleep(2);
      events.push(`${name} ends`);
      if (name === 'b') throw new Error('b fails');
    };
    const results = await Promise.allSettled(['a', 'b', 'c'].map((name) => queue.run(never, job(name))));
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    assert.deepEqual(
      events,
      ['a', 'b', 'c'].flatMap((name) => [`${name} begins`, `${name} ends`]),
    );
  });

  it('fails a request that is cancelled while it waits, at once', async () => {
    const queue = new RequestQueue(fails);
    const first = queue.run(never, () => sleep(50));
    const abort = new AbortController();
    const second = queue.run(abort.signal, () => Promise.reject(new Error('it ran')));
    abort.abort();
    await assert.rejects(second, (error) => AnchorageError.is(error, 'cancelled'));
    await first;
  });

  it('stops idle work for a request, and takes it up again', async () => {
    const queue = new RequestQueue(fails);
    const events: string[] = [];
    const done = Promise.withResolvers<null>();
    queue.whenIdle('a', async (signal) => {
      events.push('idle begins');
      for (let step = 0; step < 20; step++) {
        await sleep(2);
        if (signal.aborted) {
          events.push('idle stops');
          throw new AnchorageError('cancelled', 'stopped');
        }
      }
      events.push('idle ends');
      done.resolve(null);
    });
    await sleep(10);
    await queue.run(never, async () => void events.push('request'));
    await done.promise;
    assert.deepEqual(events, ['idle begins', 'idle stops', 'request', 'idle begins', 'idle ends']);
  });

  it('reports idle work that fails, once', async () => {
    const errors: unknown[] = [];
    const queue = new RequestQueue({ ...fails, onIdleError: (error) => errors.push(error) });
    queue.whenIdle('a', () => Promise.reject(new Error('broken')));
    await sleep(10);
    await queue.run(never, async () => {});
    await sleep(10);
    assert.equal(errors.length, 1);
    await queue.close();
  });

  it('does idle work once for a key, the newest first, and no more than its limit', async () => {
    const queue = new RequestQueue(fails);
    const done: string[] = [];
    await queue.run(never, async () => {
      for (const [key, name] of Object.entries({ a: 'a', b: 'b 1', c: 'c' })) {
        queue.whenIdle(key, async () => void done.push(name));
      }
      queue.whenIdle('b', async () => void done.push('b 2'));
    });
    await sleep(20);
    assert.deepEqual(done, ['b 2', 'c']);
  });

  it('does idle work again that is asked for while it runs', async () => {
    const queue = new RequestQueue(fails);
    let runs = 0;
    const job = async (): Promise<void> => {
      if (++runs === 1) queue.whenIdle('a', () => job());
      await sleep(2);
    };
    queue.whenIdle('a', job);
    await sleep(50);
    assert.equal(runs, 2);
  });

  it('begins no idle work any more once it is closed, also for a request that still ran', async () => {
    const queue = new RequestQueue(fails);
    let idle = 0;
    const request = queue.run(never, async () => {
      await sleep(10);
      queue.whenIdle('a', async () => {
        idle++;
      });
    });
    await queue.close();
    await request;
    await sleep(10);
    assert.equal(idle, 0);
  });

  it('holds nothing of a request that has ended', async () => {
    const queue = new RequestQueue(fails);
    const { signal } = new AbortController();
    await queue.run(signal, async () => {});
    await assert.rejects(queue.run(signal, () => Promise.reject(new Error('broken'))));
    assert.deepEqual(getEventListeners(signal, 'abort'), []);
  });
});
