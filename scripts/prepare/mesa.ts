import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { exists } from './files.ts';
import { cacheFolder } from './folders.ts';
import { onPath } from './onPath.ts';
import { PreparationError, preparationErrorOf } from './preparationError.mjs';
import { runProgram } from './program.mjs';
import { hashOf, type Step } from './step.mjs';
import { withWorkFolder } from './workFolder.mjs';

/** Mesa's Vulkan driver that computes on the CPU: a GPU for tests, on machines without one. Before version 25 WebGPU refuses it. */
const folder = join(cacheFolder, 'tools', 'mesa');
const libraries = join(folder, 'usr', 'lib', 'x86_64-linux-gnu');
const driverFile = join(folder, 'lvp_icd.json');
const problemFile = join(cacheFolder, 'tools', 'mesa-missing.txt');

/** What Vulkan's loader reads to find a driver; its paths are the system's. */
const driverSchema = z.looseObject({ ICD: z.looseObject({ library_path: z.string() }) });

/** Variables for a process that is to find this driver and no other. Compiled shaders are kept: they take most of the time. */
export function softwareGpuEnvironment(): Readonly<Record<string, string>> {
  return {
    VK_ICD_FILENAMES: driverFile,
    VK_DRIVER_FILES: driverFile,
    LD_LIBRARY_PATH: libraries,
    MESA_SHADER_CACHE_DIR: join(cacheFolder, 'shaders'),
  };
}

/** Why there is no such driver; null where there is one. */
export async function softwareGpuProblem(): Promise<string | null> {
  if (await exists(driverFile)) return null;
  return (await readFile(problemFile, 'utf8').catch(() => '')).trim() || 'it was not fetched yet';
}

/**
 * Fetches the driver from Debian's backports into the cache, without installing anything. Where that cannot be done the
 * step ends all the same, and tells why: what needs the driver is then left out.
 */
export function mesaStep(): Step {
  return {
    name: 'mesa',
    title: "Fetching Mesa's Vulkan driver",
    neededBytes: 4e8,
    // The paths in it are absolute.
    key: () => hashOf([folder, '1']),
    isPresent: () => exists(driverFile),
    async make(progress) {
      try {
        await withWorkFolder(cacheFolder, async (work) => {
          await fetchInto(work, (note) => progress.advance({ note }));
        });
        await rm(problemFile, { force: true });
      } catch (error) {
        const problem = preparationErrorOf(error);
        if (problem === undefined || problem.reason === 'noDiskSpace') throw error;
        await mkdir(dirname(problemFile), { recursive: true });
        await writeFile(problemFile, `${problem.message.split('\n')[0] ?? ''}\n`);
      }
    },
  };
}

async function fetchInto(work: string, tell: (note: string) => void): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new PreparationError('missingTool', `there is none to fetch for ${process.platform}/${process.arch}`);
  }
  if ((await onPath(['apt-get'])) === undefined || (await onPath(['dpkg-deb'])) === undefined) {
    throw new PreparationError('missingTool', "it is fetched with Debian's apt-get, which is not here");
  }
  const { codename, mirror } = await debianMirror();
  const backports = `${codename}-backports`;
  const archives = join(work, 'archives');
  for (const each of [join(archives, 'partial'), join(work, 'lists', 'partial')])
    await mkdir(each, { recursive: true });
  await writeFile(
    join(work, 'sources.list'),
    [codename, backports].map((suite) => `deb ${mirror} ${suite} main\n`).join(''),
  );
  const options = {
    'Dir::Etc::sourcelist': join(work, 'sources.list'),
    'Dir::Etc::sourceparts': '-',
    'Dir::State::lists': join(work, 'lists'),
    'Dir::Cache': work,
    'Dir::Cache::archives': archives,
    'Debug::NoLocking': '1',
    'APT::Sandbox::User': '',
    'Acquire::http::Timeout': '20',
    'Acquire::Retries': '2',
  };
  const aptGet = (...args: readonly string[]): Promise<string> =>
    runProgram('apt-get', [...Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`]), ...args], {
      onLine: (line) => tell(line.slice(0, 100)),
    });
  await aptGet('update', '-q', '--error-on=any');
  const packages = ['mesa-vulkan-drivers', 'libvulkan1'];
  await aptGet('install', '-y', '-q', '-t', backports, '--no-install-recommends', '--download-only', ...packages);
  const unpacked = join(work, 'unpacked');
  await mkdir(unpacked);
  for (const name of await readdir(archives)) {
    if (name.endsWith('.deb')) await runProgram('dpkg-deb', ['-x', join(archives, name), unpacked]);
  }
  const driver = driverSchema.parse(
    JSON.parse(await readFile(join(unpacked, 'usr/share/vulkan/icd.d/lvp_icd.json'), 'utf8')),
  );
  const placed = { ...driver, ICD: { ...driver.ICD, library_path: join(libraries, 'libvulkan_lvp.so') } };
  await writeFile(join(unpacked, 'lvp_icd.json'), JSON.stringify(placed));
  await mkdir(dirname(folder), { recursive: true });
  await rm(folder, { recursive: true, force: true });
  await rename(unpacked, folder);
}

/** This Debian's name, and where its packages come from: the mirror that the system is set up with. */
async function debianMirror(): Promise<{ codename: string; mirror: string }> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const codename = /^VERSION_CODENAME=(\w+)$/m.exec(release)?.[1];
  if (codename === undefined || !/^ID=debian$/m.test(release)) {
    throw new PreparationError('missingTool', "it is fetched from Debian's backports, and this is not Debian");
  }
  const parts = await readdir('/etc/apt/sources.list.d').catch(() => []);
  const files = ['/etc/apt/sources.list', ...parts.map((name) => join('/etc/apt/sources.list.d', name))];
  for (const file of files.filter((name) => /\.(list|sources)$/.test(name))) {
    const text = await readFile(file, 'utf8').catch(() => '');
    for (const entry of text.split(file.endsWith('.list') ? '\n' : /\n\s*\n/)) {
      const uri =
        /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)/.exec(entry) ?? /^URIs:\s*(\S+)[\s\S]*?^Suites:\s*(\S+)/m.exec(entry);
      if (uri?.[1] !== undefined && uri[2] === codename) return { codename, mirror: uri[1] };
    }
  }
  throw new PreparationError('missingTool', `no source of packages for ${codename} is set up in /etc/apt`);
}
