import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import { repository } from './report.ts';
import type { SourceFile } from './soakTurns.ts';

/** The repository's own sources, in the order of their paths. */
export async function sourceFiles(): Promise<SourceFile[]> {
  const entries = await readdir(join(repository, 'src'), { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.ts')).map(inFolder);
  const files: SourceFile[] = [];
  for (const path of paths.sort()) {
    const text = await readFile(join(repository, ...path.split('/')), 'utf8');
    if (text.trim() !== '') files.push({ path, text });
  }
  return files;
}

function inFolder({ parentPath, name }: { readonly parentPath: string; readonly name: string }): string {
  return relative(repository, join(parentPath, name)).split(sep).join('/');
}

/** Runs `work` with a folder that goes with it. */
export async function withBenchFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'anchorage-bench-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
