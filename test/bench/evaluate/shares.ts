import type { RowInput } from './item.ts';

/**
 * Rows in shares that processes take one after the other: neighbours with the same chunks are one, since a process reads
 * those once; but none is longer than an equal part of all.
 */
export function shares(rows: readonly RowInput[], processes: number): RowInput[][] {
  const longest = Math.ceil(rows.length / processes);
  const out: RowInput[][] = [];
  let before: string | null = null;
  for (const row of rows) {
    const chunks = JSON.stringify(row.chunks ?? []);
    const last = out.at(-1);
    if (last === undefined || chunks !== before || last.length >= longest) out.push([row]);
    else last.push(row);
    before = chunks;
  }
  return out;
}
