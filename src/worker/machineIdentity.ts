import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What measurements on a machine depend on: where one of these differs, they are made again. */
export interface MachineIdentity {
  readonly onnxruntime: string;
  /** `linux-x64` */
  readonly platform: string;
  readonly cpu: string;
  /** Hash of what can be seen of graphics devices and drivers without loading one. */
  readonly gpu: string;
}

/** @param onnxruntime its version. */
export function machineIdentity(onnxruntime: string): MachineIdentity {
  return {
    onnxruntime,
    platform: `${process.platform}-${process.arch}`,
    cpu: cpus()[0]?.model.trim() ?? '',
    gpu: createHash('sha256').update(graphicsTraces().join('\n')).digest('hex').slice(0, 16),
  };
}

/**
 * Where a change of device or driver shows, by file name, size and time of change:
 *
 * - Linux: the devices of the kernel, the kernel's own version (amdgpu, i915, xe and nouveau come with it), the version of
 *   Nvidia's module, and Vulkan's driver manifests, which a package manager writes anew when it updates Mesa;
 * - macOS: the system's version, with which every driver comes;
 * - Windows: the system's version, and the driver store, whose folder changes when a driver is added;
 * - everywhere: onnxruntime's own libraries, beside which CUDA's are put, and the variables by which a driver is chosen.
 */
function graphicsTraces(): string[] {
  const environment = ['VK_ICD_FILENAMES', 'VK_DRIVER_FILES', 'CUDA_VISIBLE_DEVICES', 'LD_LIBRARY_PATH'];
  const traces = [release(), ...environment.map((name) => process.env[name] ?? '')];
  traces.push(...folderTraces(onnxruntimeFolder()));
  if (process.platform === 'linux') {
    for (const device of names('/sys/class/drm')) {
      const part = (name: string): string => text(`/sys/class/drm/${device}/device/${name}`);
      if (/^(card|renderD)\d+$/.test(device)) traces.push(`${device} ${part('vendor')} ${part('device')}`);
    }
    traces.push(text('/sys/module/nvidia/version'));
    for (const folder of ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d', '/usr/lib/wsl/lib'])
      traces.push(...folderTraces(folder));
  }
  if (process.platform === 'win32') {
    const system = join(process.env['SystemRoot'] ?? 'C:\\Windows', 'System32');
    traces.push(trace(join(system, 'DriverStore', 'FileRepository')), trace(join(system, 'nvcuda.dll')));
  }
  return traces;
}

function onnxruntimeFolder(): string {
  try {
    const entry = fileURLToPath(import.meta.resolve('onnxruntime-node'));
    return join(dirname(dirname(entry)), 'bin', 'napi-v6', process.platform, process.arch);
  } catch {
    return '';
  }
}

function folderTraces(folder: string): string[] {
  return names(folder).map((name) => trace(join(folder, name)));
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function trace(path: string): string {
  try {
    const { size, mtimeMs } = statSync(path);
    return `${path} ${size} ${mtimeMs}`;
  } catch {
    return `${path} -`;
  }
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '-';
  }
}
