import { exportSessionRequest, importSessionRequest } from '../../protocol/worker.ts';
import type { SessionFormat } from '../../protocol/worker.ts';
import { readTextFile } from '../fileArgument.ts';
import type { FileLimit } from '../fileArgument.ts';
import { writeNewFile } from '../newFile.ts';
import { write, writeResult } from '../terminal.ts';
import type { Terminal } from '../terminal.ts';
import { findSession } from './findSession.ts';
import { exchangeCount } from './sessionLines.ts';

/** A session of many thousand long exchanges is below it. */
const sessionLimit: FileLimit = {
  bytes: 256 * 1024 * 1024,
  problem: 'more than any session has',
  remedy: 'Choose a file that "anchorage sessions export --format json" wrote.',
};

export interface ExportOptions {
  readonly format: SessionFormat;
  readonly out?: string | undefined;
  readonly force: boolean;
}

/** `sessions export` */
export async function exportSession(
  { worker, options, progress }: Terminal,
  reference: string,
  { format, out, force }: ExportOptions,
): Promise<void> {
  const { id } = await findSession(worker, reference);
  const { fileName, text } = await worker.request(exportSessionRequest, { sessionId: id, format });
  if (out === undefined) {
    await write(process.stdout, options.json ? `${JSON.stringify({ fileName, text })}\n` : text);
    return;
  }
  writeNewFile(out, text, force);
  if (options.json) await write(process.stdout, `${JSON.stringify({ file: out })}\n`);
  else if (!options.quiet) progress.note(`Written to ${out}.`);
}

/** `sessions import` */
export async function importSession({ worker, options }: Terminal, file: string): Promise<void> {
  const text = readTextFile(file, sessionLimit);
  const { id, title, exchanges } = await worker.request(importSessionRequest, { text });
  await writeResult(options, { sessionId: id, title, exchanges: exchanges.length }, () => [
    `"${title}" (${exchangeCount(exchanges.length)}) is session ${id}.`,
  ]);
}
