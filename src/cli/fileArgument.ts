import { readFileSync, statSync } from 'node:fs';
import { basename, extname, isAbsolute, relative } from 'node:path';
import { AnchorageError, messageOf } from '../protocol/errors.ts';
import type { Attachment } from '../protocol/worker.ts';

/** A file on the command line, with the lines that are meant: both ends included, counted from 1. */
export interface FileArgument {
  readonly path: string;
  readonly lines: { readonly first: number; readonly last: number } | null;
}

const languages: Readonly<Record<string, string>> = {
  '.c': 'c', '.cc': 'cpp', '.cpp': 'cpp', '.cs': 'csharp', '.css': 'css', '.go': 'go', '.h': 'c', '.hpp': 'cpp',
  '.html': 'html', '.java': 'java', '.js': 'javascript', '.json': 'json', '.jsx': 'javascriptreact', '.kt': 'kotlin',
  '.lua': 'lua', '.md': 'markdown', '.mjs': 'javascript', '.php': 'php', '.py': 'python', '.rb': 'ruby', '.rs': 'rust',
  '.sh': 'shellscript', '.sql': 'sql', '.swift': 'swift', '.toml': 'toml', '.ts': 'typescript',
  '.tsx': 'typescriptreact', '.yaml': 'yaml', '.yml': 'yaml',
}; // prettier-ignore

/** The largest file that is read, and what is said of a larger one. */
export interface FileLimit {
  readonly bytes: number;
  readonly problem: string;
  readonly remedy: string;
}

const modelLimit: FileLimit = {
  bytes: 16 * 1024 * 1024,
  problem: 'too much for the model',
  remedy: 'Choose lines of it: FILE:L1-L200.',
};

/** Splits `FILE`, `FILE:L7` and `FILE:L7-L20` (the `L` may be left out). */
export function parseFileArgument(argument: string): FileArgument {
  const match = /^(.+):L?(\d+)(?:-L?(\d+))?$/.exec(argument);
  if (match === null) return { path: argument, lines: null };
  const [, path = '', from = '', to = from] = match;
  const lines = { first: Number(from), last: Number(to) };
  if (lines.first < 1 || lines.last < lines.first) {
    throw new AnchorageError(
      'invalidInput',
      `${argument}: lines ${lines.first}-${lines.last} are not a range.`,
      'Lines count from 1, and the first comes before the last: FILE:L7-L20.',
    );
  }
  return { path, lines };
}

/**
 * Reads a file, or the lines of it that are meant.
 *
 * @throws AnchorageError that names the file and what is wrong with it: missing, too large, binary, not UTF-8, empty,
 *   without such lines.
 */
export function readAttachment({ path, lines }: FileArgument): Attachment {
  const text = readTextFile(path);
  const common = { path: shownPath(path), languageId: languages[extname(path).toLowerCase()] ?? '', symbolLines: [] };
  if (lines === null) {
    if (text.trim() === '')
      throw new AnchorageError('invalidInput', `${path} is empty.`, 'Choose a file with text in it.');
    return { ...common, kind: 'file', startLine: 1, text };
  }
  const all = text.split(/(?<=\n)/);
  if (lines.last > all.length) {
    throw new AnchorageError(
      'invalidInput',
      `${path} has ${all.length} lines; lines ${lines.first}-${lines.last} are not all in it.`,
      `Choose lines from 1 to ${all.length}.`,
    );
  }
  const selected = all.slice(lines.first - 1, lines.last).join('');
  if (selected.trim() === '') {
    throw new AnchorageError(
      'invalidInput',
      `${path}: lines ${lines.first}-${lines.last} are empty.`,
      'Choose lines with text in them.',
    );
  }
  return { ...common, kind: 'selection', startLine: lines.first, text: selected };
}

/** A text file's text, less a byte order mark. */
export function readTextFile(path: string, limit = modelLimit): string {
  const bytes = readBytes(path, limit);
  const nul = bytes.indexOf(0);
  if (nul >= 0) {
    throw new AnchorageError('fileInvalid', `${path} is a binary file: byte ${nul} is NUL.`, 'Choose a text file.');
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const offset = invalidUtf8At(bytes);
    throw new AnchorageError('fileInvalid', `${path} is not UTF-8: byte ${offset} is invalid.`, 'Save it as UTF-8.');
  }
}

function readBytes(path: string, limit: FileLimit): Uint8Array {
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) throw new AnchorageError('fileUnreadable', `${path} is a folder.`, 'Name a file in it.');
    if (stat.size > limit.bytes) {
      const megabytes = (stat.size / 1e6).toFixed(0);
      throw new AnchorageError('invalidInput', `${path} has ${megabytes} MB, ${limit.problem}.`, limit.remedy);
    }
    return readFileSync(path);
  } catch (error) {
    if (AnchorageError.is(error)) throw error;
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (isMissing)
      throw new AnchorageError('fileUnreadable', `There is no file ${path}.`, 'Check the path.', { cause: error });
    throw new AnchorageError(
      'fileUnreadable',
      `${path} cannot be read: ${messageOf(error)}.`,
      'Check its permissions.',
      { cause: error },
    );
  }
}

/** Offset at which the first character that is not valid UTF-8 begins. */
export function invalidUtf8At(bytes: Uint8Array): number {
  const decoded = (length: number): string | null => {
    try {
      // As a stream: a start of the file may end inside a character.
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, length), {
        stream: true,
      });
    } catch {
      return null;
    }
  };
  let low = 0;
  let high = bytes.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (decoded(middle) === null) high = middle - 1;
    else low = middle;
  }
  return Buffer.byteLength(decoded(low) ?? '');
}

function shownPath(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return isAbsolute(fromHere) || fromHere.startsWith('..') ? basename(path) : fromHere.replaceAll('\\', '/');
}
