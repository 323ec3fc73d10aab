import assert from 'node:assert/strict';
import { readTally } from '../../../scripts/checks/mochaCheck.ts';
import { readUnittest } from '../../../scripts/checks/pythonCheck.ts';

describe('what a check counts', () => {
  it("takes mocha's tally as it was sent", () => {
    assert.deepEqual(readTally([{ passed: 7, failed: 2 }], 1), { passed: 7, failed: 2 });
  });

  it('takes a run that sent none, or ran nothing, as a failure', () => {
    assert.deepEqual(readTally([], 0), { passed: 0, failed: 1 });
    assert.deepEqual(readTally([{ passed: 0, failed: 0 }], 0), { passed: 0, failed: 1 });
    assert.deepEqual(readTally(['something else'], 0), { passed: 0, failed: 1 });
  });

  it('takes a process that failed after passing tests as one failure more', () => {
    assert.deepEqual(readTally([{ passed: 7, failed: 0 }], 1), { passed: 7, failed: 1 });
  });

  it("reads unittest's closing lines, and takes skipped tests as failed", () => {
    assert.deepEqual(readUnittest(['Ran 12 tests in 3.4s', '', 'OK'], 0), { passed: 12, failed: 0 });
    assert.deepEqual(readUnittest(['Ran 12 tests in 3.4s', '', 'FAILED (failures=2, errors=1)'], 1), {
      passed: 9,
      failed: 3,
    });
    assert.deepEqual(readUnittest(['Ran 12 tests in 3.4s', '', 'OK (skipped=4)'], 0), { passed: 8, failed: 4 });
    assert.deepEqual(readUnittest(['ImportError'], 1), { passed: 0, failed: 1 });
  });
});
