import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AnchorConfig } from '../../../src/protocol/anchorConfig.ts';
import { loadEngineModel, type Model } from '../../../src/worker/model.ts';
import { buildTinyPackage } from '../engine/tinyDecoder.ts';
import { tinyModel } from '../engine/tinyModel.ts';
import { fakeLoad, fakeWorkerPath } from './workerFixtures.ts';

describe('model', function () {
  this.timeout(30_000);

  async function withModel(rules: Partial<AnchorConfig>, test: (model: Model) => void): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), 'anchorage-model-'));
    try {
      const { package: built } = await buildTinyPackage(tinyModel(rules), folder);
      const params = { ...fakeLoad, packageFolder: built.folder, executionProvider: 'cpu', choice: 'window' } as const;
      const model = await loadEngineModel(params, fakeWorkerPath);
      test(model);
      await model.dispose();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  it('chooses anchors as it was told where there is a choice, and else by stride, which is sealed once', async () => {
    await withModel({ scheme: 'mark' }, ({ defaults }) => assert.equal(defaults.choice, 'window'));
    await withModel({ scheme: 'AC' }, ({ defaults, info }) => {
      assert.deepEqual([defaults.choice, info.choice], ['stride', 'stride']);
    });
  });

  it('counts the positions that a sealed text takes', async () => {
    await withModel({ scheme: 'mark' }, (model) => assert.equal(model.positionsOf(21), 6));
    await withModel({ scheme: 'mark', positions: 'absolute' }, (model) => assert.equal(model.positionsOf(21), 21));
    await withModel({ scheme: 'AC', positions: 'absolute' }, (model) => assert.equal(model.positionsOf(21), 27));
  });
});
