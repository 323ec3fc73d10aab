import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { machineIdentity } from '../../../src/worker/machineIdentity.ts';
import { MachineProfile, probedGraph } from '../../../src/worker/machineProfile.ts';
import { withFolder } from '../memory/memoryFixtures.ts';

const identity = { onnxruntime: '1.30.0', platform: 'linux-x64', cpu: 'A CPU', gpu: '0123' };
const works = { kind: 'works', difference: 1e-6 } as const;
const group = { model: 'a int8', executionProvider: 'cpu', threads: 2 } as const;

/** A process that is gone. */
function endedPid(): number {
  return spawnSync(process.execPath, ['-e', '']).pid;
}

describe('machine profile', function () {
  this.timeout(30_000);

  it('remembers what was tried and measured, for another process too', () =>
    withFolder(async (folder) => {
      const first = new MachineProfile(join(folder, 'new'), identity);
      const other = new MachineProfile(join(folder, 'new'), identity);
      first.noteOutcome('webgpu', probedGraph, works);
      other.noteGroup({ ...group, groupTokens: 64, measured: [{ tokens: 64, tokensPerSecond: 900 }] });
      const later = new MachineProfile(join(folder, 'new'), identity);
      assert.deepEqual(later.outcome('webgpu', probedGraph), works);
      assert.equal(later.group(group)?.groupTokens, 64);
      assert.deepEqual(readdirSync(join(folder, 'new')), ['machine.json']);
    }));

  it('knows nothing of another model, number of threads or provider', () =>
    withFolder(async (folder) => {
      const profile = new MachineProfile(folder, identity);
      profile.noteGroup({ ...group, groupTokens: 64, measured: [] });
      profile.noteOutcome('webgpu', 'a int8', works);
      assert.equal(profile.group({ ...group, model: 'b int8' }), undefined);
      assert.equal(profile.group({ ...group, threads: 4 }), undefined);
      assert.equal(profile.group({ ...group, executionProvider: 'webgpu' }), undefined);
      assert.equal(profile.outcome('webgpu', 'b int8'), undefined);
    }));

  it('forgets everything where onnxruntime, system, processor, graphics device or driver changed', () =>
    withFolder(async (folder) => {
      for (const change of [{ onnxruntime: '1.31.0' }, { platform: 'linux-arm64' }, { cpu: 'B' }, { gpu: '4567' }]) {
        new MachineProfile(folder, identity).noteOutcome('webgpu', probedGraph, works);
        const changed = new MachineProfile(folder, { ...identity, ...change });
        assert.equal(changed.outcome('webgpu', probedGraph), undefined);
        changed.noteOutcome('cuda', probedGraph, works);
        assert.equal(changed.tried.length, 1);
        assert.equal(new MachineProfile(folder, identity).tried.length, 0);
      }
    }));

  it('ignores a file that is damaged or foreign, and writes it anew', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'machine.json');
      new MachineProfile(folder, identity).noteOutcome('webgpu', probedGraph, works);
      const sound = readFileSync(file, 'utf8');
      const foreign = ['', sound.slice(0, 90), '[]', '{"format":2}', sound.replace('"works"', '"perhaps"'), '\0\xff'];
      for (const text of foreign) {
        writeFileSync(file, text);
        const profile = new MachineProfile(folder, identity);
        assert.deepEqual(profile.tried, []);
        profile.noteOutcome('cuda', probedGraph, works);
        assert.equal(new MachineProfile(folder, identity).tried.length, 1);
      }
    }));

  it('goes on in memory where its file cannot be written', () =>
    withFolder(async (folder) => {
      mkdirSync(join(folder, 'machine.json'));
      const profile = new MachineProfile(folder, identity);
      profile.noteOutcome('webgpu', probedGraph, works);
      assert.deepEqual(profile.outcome('webgpu', probedGraph), works);
      assert.deepEqual(readdirSync(folder), ['machine.json']);
      const without = new MachineProfile(null, identity);
      without.noteOutcome('webgpu', probedGraph, works);
      assert.deepEqual(without.outcome('webgpu', probedGraph), works);
    }));

  it('has a failure tried again after a week and a size measured again after a month, and keeps what works', () =>
    withFolder(async (folder) => {
      let now = Date.parse('2026-01-01');
      const profile = new MachineProfile(folder, identity, () => now);
      profile.noteOutcome('cuda', probedGraph, { kind: 'hung', seconds: 60 });
      profile.noteOutcome('webgpu', probedGraph, works);
      now += 6 * 24 * 3600 * 1000;
      assert.equal(profile.outcome('cuda', probedGraph)?.kind, 'hung');
      now += 2 * 24 * 3600 * 1000;
      assert.equal(profile.outcome('cuda', probedGraph), undefined);
      assert.equal(profile.outcome('webgpu', probedGraph)?.kind, 'works');
      profile.noteGroup({ ...group, groupTokens: 64, measured: [] });
      assert.ok(!profile.isGroupDue(group));
      now += 31 * 24 * 3600 * 1000;
      assert.ok(profile.isGroupDue(group));
      assert.equal(profile.group(group)?.groupTokens, 64);
      profile.forgetProviders();
      assert.deepEqual(new MachineProfile(folder, identity).tried, []);
    }));

  it('blames a provider for the death of a process that had just begun to use it', () =>
    withFolder(async (folder) => {
      const script = `
        import { MachineProfile } from ${JSON.stringify(new URL('../../../src/worker/machineProfile.ts', import.meta.url).href)};
        const profile = new MachineProfile(${JSON.stringify(folder)}, ${JSON.stringify(identity)});
        profile.beginFirstUse('webgpu', 'a int8');
        if (process.argv[1] === 'answers') profile.endFirstUse();
        if (process.argv[1] === 'exits') process.exit(1);
        process.kill(process.pid, 'SIGKILL');`;
      const end = (how: string): string | undefined => {
        rmSync(join(folder, 'machine.json'), { force: true });
        const { error } = spawnSync(process.execPath, ['--input-type=module', '-e', script, how]);
        assert.equal(error, undefined);
        assert.ok(existsSync(join(folder, 'machine.json')));
        return new MachineProfile(folder, identity).outcome('webgpu', 'a int8')?.kind;
      };
      assert.equal(end('crashes'), 'workerDied');
      assert.equal(end('answers'), undefined);
      assert.equal(end('exits'), undefined);
    }));

  it('blames nothing for a process that still runs', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'machine.json');
      const profile = new MachineProfile(folder, identity);
      profile.beginFirstUse('webgpu', 'a int8');
      const begun = readFileSync(file, 'utf8');
      const by = (pid: number): string | undefined => {
        writeFileSync(file, begun.replace(`"pid": ${process.pid}`, `"pid": ${pid}`));
        return new MachineProfile(folder, identity).outcome('webgpu', 'a int8')?.kind;
      };
      assert.equal(by(process.ppid), undefined);
      assert.equal(by(endedPid()), 'workerDied');
      profile.endFirstUse();
    }));

  it('is keyed by what can be seen of this machine, which is the same at every look', () => {
    const here = machineIdentity('1.30.0');
    assert.deepEqual(machineIdentity('1.30.0'), here);
    assert.equal(here.platform, `${process.platform}-${process.arch}`);
    process.env['VK_DRIVER_FILES'] = '/another/driver.json';
    try {
      assert.notEqual(machineIdentity('1.30.0').gpu, here.gpu);
    } finally {
      delete process.env['VK_DRIVER_FILES'];
    }
  });
});
