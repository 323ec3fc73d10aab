import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** What is asked about power, so that a test can answer in its place. */
export interface PowerProbe {
  readonly platform: NodeJS.Platform;
  listFolder(path: string): Promise<readonly string[]>;
  readText(path: string): Promise<string>;
  /** What a command wrote on its stdout; fails when it fails, or does not end in time. */
  run(command: string, args: readonly string[]): Promise<string>;
}

const commandTimeoutMs = 5000;

/** An answer is good for so long: on Windows it takes the start of a PowerShell. */
const freshMs = 60_000;

const linuxFolder = '/sys/class/power_supply';

/** The machine's own answers. */
export const systemProbe: PowerProbe = {
  platform: process.platform,
  listFolder: (path) => readdir(path),
  readText: (path) => readFile(path, 'utf8'),
  run: async (command, args) => {
    const options = { timeout: commandTimeoutMs, windowsHide: true };
    return (await promisify(execFile)(command, args, options)).stdout;
  },
};

/** Whether the machine runs on battery. What cannot be found out counts as mains. */
export class PowerSource {
  readonly #probe: PowerProbe;
  readonly #now: () => number;
  #answer: Promise<boolean> = Promise.resolve(false);
  #askedAt = -Infinity;

  /** @param now milliseconds that only grow. */
  constructor(probe = systemProbe, now: () => number = () => performance.now()) {
    this.#probe = probe;
    this.#now = now;
  }

  /** As it was at most a minute ago. Never fails. */
  isOnBattery(): Promise<boolean> {
    if (this.#now() - this.#askedAt >= freshMs) {
      this.#askedAt = this.#now();
      this.#answer = isOnBattery(this.#probe).catch(() => false);
    }
    return this.#answer;
  }
}

async function isOnBattery(probe: PowerProbe): Promise<boolean> {
  switch (probe.platform) {
    case 'linux':
      return isOnBatteryLinux(probe);
    case 'darwin':
      return (await probe.run('/usr/bin/pmset', ['-g', 'batt'])).includes("drawing from 'Battery Power'");
    case 'win32':
      return isOnBatteryWindows(probe);
    default:
      return false;
  }
}

/** A battery of the machine discharges, and no adapter is plugged in. */
async function isOnBatteryLinux(probe: PowerProbe): Promise<boolean> {
  let discharges = false;
  for (const name of await probe.listFolder(linuxFolder)) {
    const value = async (file: string): Promise<string> =>
      (await probe.readText(join(linuxFolder, name, file)).catch(() => '')).trim();
    const type = await value('type');
    if (type === 'Mains' || type === 'USB') {
      if ((await value('online')) === '1') {
        return false;
      }
    } else if (type === 'Battery' && (await value('scope')) !== 'Device') {
      // A mouse and a keyboard have batteries too, of the scope "Device".
      discharges ||= (await value('status')) === 'Discharging';
    }
  }
  return discharges;
}

/** Win32_Battery.BatteryStatus: 1 discharging, 4 low, 5 critical; all others are on mains. Nothing without a battery. */
async function isOnBatteryWindows(probe: PowerProbe): Promise<boolean> {
  const root = process.env['SystemRoot'] ?? 'C:\\Windows';
  const powershell = `${root}\\System32\\WindowsPowerShell\\v1.0\\powershell.exe`;
  const query = '(Get-CimInstance -ClassName Win32_Battery).BatteryStatus';
  const written = await probe.run(powershell, ['-NoProfile', '-NonInteractive', '-Command', query]);
  const states = written.split(/\s+/).filter((state) => state !== '');
  return states.length > 0 && states.every((state) => ['1', '4', '5'].includes(state));
}
