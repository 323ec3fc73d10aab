import { z } from 'zod';

const versions = z.record(z.string(), z.string()).optional();

export const lockSchema = z.looseObject({
  packages: z.record(
    z.string(),
    z.looseObject({ version: z.string().optional(), dependencies: versions, optionalDependencies: versions }),
  ),
});
export type Lock = z.infer<typeof lockSchema>;

const systems: Readonly<Partial<Record<NodeJS.Platform, string>>> = { darwin: 'mac', win32: 'win' };
const metal = process.platform === 'darwin' && process.arch === 'arm64' ? '-metal' : '';

/** The build of llama.cpp for this machine's processor. */
export const llamaBuild = `@node-llama-cpp/${systems[process.platform] ?? 'linux'}-${process.arch}${metal}`;

/**
 * The peers' lock file without what they do not need here: llama.cpp for graphics cards and other systems (600 MB), the
 * browser's onnxruntime, and onnxruntime itself where the project has the same version, which both then share.
 */
export function neededPackages(lock: Lock, own: Lock): Lock {
  const isShared = (name: string): boolean => {
    const path = `node_modules/${name}`;
    return name.startsWith('onnxruntime-') && lock.packages[path]?.version === own.packages[path]?.version;
  };
  const isNeeded = (name: string): boolean => {
    if (name.startsWith('@node-llama-cpp/')) return name === llamaBuild;
    return name !== 'onnxruntime-web' && !isShared(name);
  };
  const onlyNeeded = (of: Record<string, string> | undefined): Record<string, string> | undefined =>
    of && Object.fromEntries(Object.entries(of).filter(([name]) => isNeeded(name)));
  const packages = Object.entries(lock.packages).flatMap(([path, entry]) => {
    const within = path.split('node_modules/').slice(1);
    if (!within.every((name) => isNeeded(name.replace(/\/$/, '')))) return [];
    const { dependencies, optionalDependencies } = entry;
    return [
      [
        path,
        {
          ...entry,
          ...(dependencies && { dependencies: onlyNeeded(dependencies) }),
          ...(optionalDependencies && { optionalDependencies: onlyNeeded(optionalDependencies) }),
        },
      ] as const,
    ];
  });
  return { ...lock, packages: Object.fromEntries(packages) };
}
