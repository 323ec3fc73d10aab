import assert from 'node:assert/strict';
import { readSettings, settingDefaults, settingNames } from '../../../src/host/settings.ts';

describe('settings', () => {
  it('are the defaults where nothing is set', () => {
    const { settings, refused } = readSettings(() => undefined);
    assert.deepEqual(settings, settingDefaults);
    assert.deepEqual(refused, []);
  });

  it('replace only what is refused, and say what and why', () => {
    const given: Record<string, unknown> = { 'memory.ratio': -2, 'model.variant': 'int5', 'answer.maxTokens': 64 };
    const { settings, refused } = readSettings((name) => given[name]);
    assert.deepEqual(settings, { ...settingDefaults, 'answer.maxTokens': 64 });
    assert.deepEqual(
      refused.map(({ name, value, used }) => ({ name, value, used })),
      [
        { name: 'anchorage.model.variant', value: 'int5', used: 'auto' },
        { name: 'anchorage.memory.ratio', value: -2, used: 0 },
      ],
    );
    assert.ok(refused.every(({ problem }) => problem.length > 0));
  });

  it('take no relative path, which would depend on where the editor was started', () => {
    const { settings, refused } = readSettings((name) => (name === 'worker.nodePath' ? 'bin/node' : undefined));
    assert.equal(settings['worker.nodePath'], '');
    assert.match(refused[0]?.problem ?? '', /absolute/);
  });

  it('survive any type of value', () => {
    for (const value of [null, 'x', 1.5, Number.NaN, true, [], {}, Symbol.iterator]) {
      const { settings } = readSettings(() => value);
      assert.deepEqual(Object.keys(settings).sort(), [...settingNames].sort());
    }
  });
});
