import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { AnchorageError, messageOf } from '../protocol/errors.ts';

/**
 * Writes a file whole or not at all.
 *
 * @throws AnchorageError naming the file: it is there already (`invalidInput`, unless `replaces`), or it cannot be written.
 */
export function writeNewFile(path: string, text: string, replaces: boolean): void {
  // What is replaced stays until all of its successor is on the disk.
  const written = replaces ? `${path}.${process.pid}.part` : path;
  try {
    writeFileSync(written, text, { flag: 'wx' });
    if (replaces) renameSync(written, path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST') {
      throw new AnchorageError('invalidInput', `${written} is there already.`, 'Name another file, or add --force.', {
        cause: error,
      });
    }
    rmSync(written, { force: true });
    const isPlace = code === 'ENOENT' || code === 'EISDIR' || code === 'ENOTDIR';
    throw new AnchorageError(
      isPlace ? 'invalidInput' : 'storageUnavailable',
      `${path} cannot be written: ${messageOf(error)}.`,
      isPlace ? 'Name a file in a folder that is there.' : 'Check the permissions and the free space of its folder.',
      { cause: error },
    );
  }
}
