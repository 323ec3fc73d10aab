import assert from 'node:assert/strict';
import { killMoments, killPlan } from '../../bench/crash/crashPlan.ts';

describe('the plan of kills', () => {
  it('is the same for the same seed, and another for another', () => {
    assert.deepEqual(killPlan(30, 5, 7), killPlan(30, 5, 7));
    assert.notDeepEqual(killPlan(30, 5, 7), killPlan(30, 5, 8));
  });

  it('has every moment of either process, and of the real model those that it can have', () => {
    const plan = killPlan(200, 20);
    const seen = new Set(plan.map(({ model, target, moment }) => `${model} ${target} ${moment}`));
    for (const moment of killMoments) {
      for (const target of ['worker', 'host']) {
        assert.ok(seen.has(`fake ${target} ${moment}`), `${target} ${moment}`);
        const isFakeOnly = moment === 'migrating' || moment === 'spilling';
        assert.equal(seen.has(`real ${target} ${moment}`), !isFakeOnly, `${target} ${moment}`);
      }
    }
    assert.equal(plan.filter(({ model }) => model === 'real').length, 20);
  });

  it('asks before it kills, and waits for a token that comes before the last', () => {
    for (const { moment, questions, token, delay } of killPlan(100, 10)) {
      const isBefore = moment === 'starting' || moment === 'migrating';
      assert.equal(questions.length === 0, isBefore);
      for (const { maxTokens } of questions) assert.ok(token >= 1 && token < maxTokens);
      assert.ok(delay >= 0 && delay < 1);
    }
  });
});
