import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { AnchorContext } from '../../src/engine/anchorContext.ts';
import type { Decoder } from '../../src/engine/decoder.ts';
import { decodeAnchors, encodeAnchors } from '../../src/memory/anchorBlob.ts';
import type { StoredPrecision } from '../../src/worker/throughStore.ts';
import { evaluationRows } from './batchRows.ts';
import { progress, rounded } from './report.ts';

const sessionRows = 4000;

/**
 * Bytes a row, and milliseconds to encode a session of `sessionRows` rows and to restore it from SQLite (the fastest of
 * five), per precision.
 */
export async function measureStore(decoder: Decoder): Promise<object> {
  const context = await longContext(decoder);
  const folder = await mkdtemp(join(tmpdir(), 'anchorage-stored-'));
  try {
    const fp16 = await measured(decoder, context, 'fp16', join(folder, 'fp16.db'));
    const int8 = await measured(decoder, context, 'int8', join(folder, 'int8.db'));
    const { rows } = context;
    const bytesPerRow = { fp32: context.bytesPerRow, fp16: fp16.bytesPerRow, int8: int8.bytesPerRow };
    const processor = `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`;
    return { rows, sequences: context.sequences.length, processor, bytesPerRow, fp16, int8 };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Real sequences, sealed once and put in again and again until there are enough. */
async function longContext(decoder: Decoder): Promise<AnchorContext> {
  const { layout, tokenizer } = decoder.package;
  const context = new AnchorContext(decoder, { pinned: layout.pinned() });
  for (const { chunks } of await evaluationRows('function', 8)) {
    for (const chunk of chunks) {
      const tokens =
        typeof chunk === 'string' ? tokenizer.encodeText(chunk) : layout.exchange(chunk.user, chunk.assistant);
      await context.seal(tokens, { ratio: 8, choice: 'stride' });
    }
  }
  const sealed = context.sequences.length;
  for (let n = 0; context.rows < sessionRows; n++) await context.importAnchors(await context.exportAnchors(n % sealed));
  return context;
}

async function measured(
  decoder: Decoder,
  context: AnchorContext,
  precision: StoredPrecision,
  path: string,
): Promise<{ readonly bytesPerRow: number; readonly encodeMs: number; readonly restoreMsPer1000Rows: number }> {
  const database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = WAL; CREATE TABLE anchors (id INTEGER PRIMARY KEY, bytes BLOB)');
  const write = database.prepare('INSERT INTO anchors (id, bytes) VALUES (?, ?)');
  const read = database.prepare('SELECT bytes FROM anchors WHERE id = ?');
  let bytes = 0;
  let encodeMs = 0;
  database.exec('BEGIN');
  for (const { index } of context.sequences) {
    const begin = performance.now();
    const blob = encodeAnchors(await context.exportAnchors(index, precision));
    encodeMs += performance.now() - begin;
    bytes += blob.length;
    write.run(index, blob);
  }
  database.exec('COMMIT');
  const times: number[] = [];
  for (let n = 0; n < 5; n++) {
    const restored = new AnchorContext(decoder, { pinned: decoder.package.layout.pinned() });
    await restored.readPinned();
    const begin = performance.now();
    await restored.makeRoom(context.rows);
    for (const { index } of context.sequences) {
      const stored = read.get(index)?.['bytes'];
      const anchors = stored instanceof Uint8Array ? decodeAnchors(stored) : undefined;
      if (anchors === undefined) throw new Error(`Sequence ${index} was not read as it was written.`);
      await restored.importAnchors(anchors);
    }
    times.push(performance.now() - begin);
  }
  database.close();
  progress(`${precision}: ${context.rows} rows restored in ${times.map(Math.round).join(', ')} ms`);
  const stored = context.rows - decoder.package.layout.pinned().length;
  return {
    bytesPerRow: Math.round(bytes / stored),
    encodeMs: Math.round(encodeMs),
    // Whatever else the machine does only adds to a time.
    restoreMsPer1000Rows: rounded((Math.min(...times) * 1000) / stored, 3),
  };
}
