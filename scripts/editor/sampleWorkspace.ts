import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '../prepare/folders.ts';

/**
 * Copies the sample workspace into `folder`, for tests to change.
 *
 * @returns the copy's path
 */
export async function copySampleWorkspace(folder: string): Promise<string> {
  const workspace = join(folder, 'lending-desk');
  await cp(join(root, 'test', 'fixtures', 'sample-workspace'), workspace, { recursive: true });
  return workspace;
}
