import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtInPackage } from '../../../src/cli/packagePaths.ts';

describe("the built-in model's package", () => {
  it('is the one that an installed extension brings, or the one that a checkout builds', () => {
    const folder = mkdtempSync(join(tmpdir(), 'anchorage-paths-'));
    try {
      assert.equal(builtInPackage(folder), join(folder, '.cache', 'packages', 'smollm2-135m-anchors'));
      mkdirSync(join(folder, 'model'));
      assert.equal(builtInPackage(folder), join(folder, 'model'));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
