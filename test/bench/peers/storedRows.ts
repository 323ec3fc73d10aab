import { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import type { SequenceAnchors } from '../../../src/engine/sealedSequence.ts';
import { decodeAnchors, encodeAnchors } from '../../../src/memory/anchorBlob.ts';

const rowSchema = z.object({ bytes: z.instanceof(Uint8Array) });

/** Writes sequences' rows as the session store does: encoded in half precision, in an SQLite file. */
export async function writeRows(
  path: string,
  sequences: readonly (() => SequenceAnchors | Promise<SequenceAnchors>)[],
): Promise<void> {
  const database = new DatabaseSync(path);
  try {
    database.exec(
      'PRAGMA journal_mode = WAL; CREATE TABLE anchors (id INTEGER PRIMARY KEY, rows INTEGER, bytes BLOB); BEGIN',
    );
    const insert = database.prepare('INSERT INTO anchors (id, rows, bytes) VALUES (?, ?, ?)');
    for (const [id, exported] of sequences.entries()) {
      const anchors = await exported();
      insert.run(id, anchors.positions.length, encodeAnchors(anchors));
    }
    database.exec('COMMIT');
  } finally {
    database.close();
  }
}

/** How many rows the first `count` sequences of such a file have. */
export function storedRows(path: string, count: number): number {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const row = database.prepare('SELECT coalesce(sum(rows), 0) AS rows FROM anchors WHERE id < ?').get(count);
    return z.object({ rows: z.int() }).parse(row).rows;
  } finally {
    database.close();
  }
}

/** The first `count` sequences of such a file, one at a time. */
export function* readRows(path: string, count: number): Generator<SequenceAnchors> {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const select = database.prepare('SELECT bytes FROM anchors WHERE id = ?');
    for (let id = 0; id < count; id++) {
      const anchors = decodeAnchors(rowSchema.parse(select.get(id)).bytes);
      if (anchors === undefined) throw new Error(`Sequence ${id} in ${path} was not read as it was written.`);
      yield anchors;
    }
  } finally {
    database.close();
  }
}
