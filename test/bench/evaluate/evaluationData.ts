import { spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import { AnchorageError, messageOf } from '../../../src/protocol/errors.ts';

const remedy =
  'Name the folder of the data package with --data or ANCHORAGE_DATA, or run with --quick, which takes the committed sample.';

/** The rows of a data folder: `NAME.jsonl.xz`, or `NAME.jsonl`. */
export class EvaluationData {
  readonly folder: string;

  /** @throws AnchorageError `fileUnreadable`. */
  constructor(folder: string) {
    if (!existsSync(folder) || !statSync(folder).isDirectory()) {
      throw new AnchorageError('fileUnreadable', `There is no data folder ${folder}.`, remedy);
    }
    this.folder = folder;
  }

  has(name: string): boolean {
    return ['.jsonl.xz', '.jsonl'].some((ending) => existsSync(join(this.folder, `${name}${ending}`)));
  }

  /**
   * Rows of a file, in its order.
   *
   * @param name without its ending, such as `eval/piqa`.
   * @param among only lines that match, such as those of one split: large files are read faster without parsing all of them.
   * @throws AnchorageError `fileUnreadable`, `unsupported` without xz, `fileAltered`, `fileInvalid` naming the line.
   */
  async rows<T>(name: string, schema: z.ZodType<T>, among?: RegExp): Promise<T[]> {
    const path = join(this.folder, `${name}.jsonl`);
    const text = existsSync(path) ? await readFile(path, 'utf8') : await unpacked(`${path}.xz`);
    const rows: T[] = [];
    for (const [i, line] of text.split('\n').entries()) {
      if (line === '' || (among !== undefined && !among.test(line))) continue;
      rows.push(parsed(line, schema, `${path}, line ${i + 1}`));
    }
    if (rows.length === 0) throw new AnchorageError('fileInvalid', `${path} holds no rows.`, 'Fetch the data again.');
    return rows;
  }
}

function parsed<T>(line: string, schema: z.ZodType<T>, place: string): T {
  let raw: unknown;
  try {
    raw = JSON.parse(line);
  } catch (error) {
    throw new AnchorageError('fileInvalid', `${place} is not JSON: ${messageOf(error)}.`, 'Fetch the data again.', {
      cause: error,
    });
  }
  const row = schema.safeParse(raw);
  if (row.success) return row.data;
  const [issue] = row.error.issues;
  const field = issue === undefined ? '' : `${issue.path.map(String).join('.')}: ${issue.message}`;
  throw new AnchorageError('fileInvalid', `${place} is not a row of this task: ${field}.`, 'Fetch the data again.');
}

/** The text of an .xz file. Node has no reader for it; the system's `xz` has. */
async function unpacked(path: string): Promise<string> {
  if (!existsSync(path)) throw new AnchorageError('fileUnreadable', `There is no file ${path}.`, remedy);
  const child = spawn('xz', ['-dc', path], { stdio: ['ignore', 'pipe', 'pipe'] });
  const parts: Buffer[] = [];
  const problems: Buffer[] = [];
  child.stdout.on('data', (part: Buffer) => parts.push(part));
  child.stderr.on('data', (part: Buffer) => problems.push(part));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', (error) => {
      const install = 'Install it (Debian: xz-utils), or unpack the file beside itself.';
      reject(
        new AnchorageError('unsupported', `xz, which unpacks ${path}, does not start.`, install, { cause: error }),
      );
    });
    child.once('close', resolve);
  });
  if (code !== 0) {
    const said = Buffer.concat(problems).toString('utf8').trim();
    throw new AnchorageError('fileAltered', `${path} cannot be unpacked: ${said}.`, 'Fetch the data again.');
  }
  return Buffer.concat(parts).toString('utf8');
}
