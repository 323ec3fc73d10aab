import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, glob, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { hashOf } from './step.mjs';

/** Whether something lies at `path`. */
export function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Whether a file of that many bytes lies at `path`. */
export function hasSize(path: string, bytes: number): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile() && found.size === bytes,
    () => false,
  );
}

/** The SHA-256 of a file's bytes, in hex. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** One SHA-256 of the names and contents of the files in `folder` that match the globs. */
export async function hashOfFiles(folder: string, patterns: readonly string[]): Promise<string> {
  const names: string[] = [];
  for await (const entry of glob(patterns, { cwd: folder, withFileTypes: true })) {
    if (entry.isFile()) names.push(join(entry.parentPath, entry.name));
  }
  names.sort();
  const parts = await Promise.all(names.map(async (name) => [name.slice(folder.length), await readFile(name)]));
  return hashOf(parts.flat());
}
