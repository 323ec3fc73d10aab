import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { Throttle } from '../../../src/host/throttle.ts';

describe('throttle', () => {
  it('runs the first request at once and gathers the rest until the interval ends', async () => {
    let runs = 0;
    const throttle = new Throttle(30, () => runs++);
    for (let i = 0; i < 10; i++) {
      throttle.request();
    }
    assert.equal(runs, 1);
    await delay(80);
    assert.equal(runs, 2);
    throttle.dispose();
  });

  it('runs at once on flush, and not again after', async () => {
    let runs = 0;
    const throttle = new Throttle(20, () => runs++);
    throttle.request();
    throttle.request();
    throttle.flush();
    assert.equal(runs, 2);
    await delay(50);
    assert.equal(runs, 2);
  });
});
