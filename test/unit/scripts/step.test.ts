import assert from 'node:assert/strict';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PreparationError } from '../../../scripts/prepare/preparationError.mjs';
import type { Step } from '../../../scripts/prepare/step.mjs';
import { hashOf, prepareStep } from '../../../scripts/prepare/step.mjs';

describe('a preparation step', () => {
  let folder: string;
  let output: string;
  let made: number;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'anchorage-step-'));
    output = join(folder, 'output');
    made = 0;
  });
  afterEach(() => rm(folder, { recursive: true }));

  function step(changes: Partial<Step> = {}): Step {
    return {
      name: 'example',
      title: 'Making an example',
      key: () => 'one',
      isPresent: async () => (await readFile(output, 'utf8').catch(() => undefined)) !== undefined,
      async make() {
        made += 1;
        await writeFile(output, 'made');
      },
      ...changes,
    };
  }
  const options = () => ({ stateFolder: folder });

  it('is done once', async () => {
    assert.equal(await prepareStep(step(), options()), 'made');
    assert.equal(await prepareStep(step(), options()), 'current');
    assert.equal(made, 1);
  });

  it('is done again when what it is made from has changed, or its output is gone', async () => {
    await prepareStep(step(), options());
    assert.equal(await prepareStep(step({ key: () => 'two' }), options()), 'made');
    await rm(output);
    assert.equal(await prepareStep(step({ key: () => 'two' }), options()), 'made');
    assert.equal(made, 3);
  });

  it('is done once by two that want it at the same time', async () => {
    const slow = step({
      async make() {
        await new Promise((resolve) => setTimeout(resolve, 100));
        made += 1;
        await writeFile(output, 'made');
      },
    });
    const outcomes = await Promise.all([prepareStep(slow, options()), prepareStep(slow, options())]);
    assert.deepEqual(outcomes.sort(), ['current', 'made']);
    assert.equal(made, 1);
  });

  it('takes an output that was made by hand, if it is the right one', async () => {
    await writeFile(output, 'by hand');
    assert.equal(await prepareStep(step({ isRight: () => true }), options()), 'current');
    assert.equal(made, 0);
    assert.equal(await prepareStep(step({ key: () => 'two', isRight: () => false }), options()), 'made');
  });

  it('that fails leaves no stamp and no lock, so that it is tried again', async () => {
    const failing = step({ make: () => Promise.reject(new PreparationError('failed', 'no luck')) });
    await assert.rejects(prepareStep(failing, options()), { message: 'no luck' });
    assert.deepEqual(await readdir(join(folder, 'locks')), []);
    assert.equal(await prepareStep(step(), options()), 'made');
  });

  it('that was killed while it was made again is not taken for the one before', async () => {
    await prepareStep(step(), options());
    const killed = step({
      key: () => 'two',
      async make() {
        await writeFile(output, 'half');
        throw new PreparationError('failed', 'killed');
      },
    });
    await assert.rejects(prepareStep(killed, options()), { message: 'killed' });
    assert.equal(await prepareStep(step(), options()), 'made');
  });

  it('says how much disk space is missing before it begins', async () => {
    await assert.rejects(prepareStep(step({ neededBytes: 1e18 }), options()), (error) => {
      assert.ok(error instanceof PreparationError);
      assert.equal(error.reason, 'noDiskSpace');
      assert.match(error.message, /Making an example needs 1000000000000\.0 MB of free disk space/);
      return true;
    });
    assert.equal(made, 0);
  });

  it('has a key in which parts are kept apart', () => {
    assert.notEqual(hashOf(['ab', 'c']), hashOf(['a', 'bc']));
    assert.equal(hashOf(['a', 'b']), hashOf(['a', 'b']));
  });
});
