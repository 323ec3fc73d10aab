import assert from 'node:assert/strict';
import { type PowerProbe, PowerSource, systemProbe } from '../../../src/host/files/powerSource.ts';

/** A Linux machine with power supplies by name, each with the files that it has. */
function linux(supplies: Readonly<Record<string, Readonly<Record<string, string>>>>): PowerProbe {
  return {
    platform: 'linux',
    listFolder: () => Promise.resolve(Object.keys(supplies)),
    readText: (path) => {
      const [name = '', file = ''] = path.split(/[\\/]/).slice(-2);
      const text = supplies[name]?.[file];
      return text === undefined ? Promise.reject(new Error('ENOENT')) : Promise.resolve(`${text}\n`);
    },
    run: () => Promise.reject(new Error('no command is needed')),
  };
}

function commanded(platform: NodeJS.Platform, answer: () => Promise<string>): PowerProbe {
  const none = (): Promise<never> => Promise.reject(new Error('no file is needed'));
  return { platform, listFolder: none, readText: none, run: answer };
}

const discharging = { type: 'Battery', status: 'Discharging' };

describe('power source', () => {
  const cases: readonly [string, PowerProbe, boolean][] = [
    ['a laptop that is not plugged in', linux({ AC: { type: 'Mains', online: '0' }, BAT0: discharging }), true],
    [
      'a laptop that is',
      linux({ BAT0: { type: 'Battery', status: 'Charging' }, AC: { type: 'Mains', online: '1' } }),
      false,
    ],
    ['a laptop at a weak adapter', linux({ BAT0: discharging, usb: { type: 'USB', online: '1' } }), false],
    ['a full battery', linux({ BAT0: { type: 'Battery', status: 'Not charging' } }), false],
    ['a mouse with a battery', linux({ mouse: { ...discharging, scope: 'Device' } }), false],
    ['a machine without supplies', linux({}), false],
    [
      'macOS on battery',
      commanded('darwin', async () => "Now drawing from 'Battery Power'\n -InternalBattery-0"),
      true,
    ],
    ['macOS on mains', commanded('darwin', async () => "Now drawing from 'AC Power'\n -InternalBattery-0"), false],
    ['Windows on battery', commanded('win32', async () => '1\r\n'), true],
    ['Windows with two batteries, one charged', commanded('win32', async () => '1\r\n2\r\n'), false],
    ['Windows without a battery', commanded('win32', async () => ''), false],
    ['a command that fails', commanded('darwin', () => Promise.reject(new Error('timeout'))), false],
    ['another system', commanded('freebsd', async () => '1'), false],
  ];
  for (const [name, probe, expected] of cases) {
    it(`${expected ? 'is' : 'is not'} a battery: ${name}`, async () => {
      assert.equal(await new PowerSource(probe).isOnBattery(), expected);
    });
  }

  it('is asked again after a minute, and not before', async () => {
    let [asked, now] = [0, 0];
    const probe = commanded('win32', () => Promise.resolve(asked++ === 0 ? '1' : '2'));
    const power = new PowerSource(probe, () => now);
    assert.deepEqual(await Promise.all([power.isOnBattery(), power.isOnBattery()]), [true, true]);
    now = 59_999;
    assert.equal(await power.isOnBattery(), true);
    now = 60_000;
    assert.equal(await power.isOnBattery(), false);
    assert.equal(asked, 2);
  });

  it('answers on this machine', async () => {
    assert.equal(typeof (await new PowerSource(systemProbe).isOnBattery()), 'boolean');
  });
});
