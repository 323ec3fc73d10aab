import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** Bytes of a process that are in memory; null where the system does not tell. */
export function residentBytes(pid: number): number | null {
  const kilobytes = z.coerce.number().int().positive().safeParse(told(pid));
  return kilobytes.success ? kilobytes.data * 1024 : null;
}

function told(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') return /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    if (process.platform === 'win32') return undefined;
    return execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }).trim();
  } catch {
    return undefined; // It has ended.
  }
}
