import assert from 'node:assert/strict';
import { salience } from '../../../src/memory/salience.ts';

describe('salience', () => {
  it('is 1 for all where the words attend as the markup did, whatever stands nearest', () => {
    assert.deepEqual(salience([0.1, 0.2, 0.9], [0.2, 0.4, 1.8]), [1, 1, 1]);
  });

  it('tells what the words attend to beyond that', () => {
    assert.deepEqual(salience([1, 1, 1, 1], [1, 1, 5, 1]), [1, 1, 5, 1]);
    assert.deepEqual(salience([1, 1], [1, 3]), [0.5, 1.5]);
  });

  it('is defined where there is nothing, or nothing was attended to', () => {
    assert.deepEqual(salience([], []), []);
    assert.deepEqual(salience([0, 0], [0, 0]), [0, 0]);
  });
});
