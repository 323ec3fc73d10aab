import { closeSync, createReadStream, fstatSync, ftruncateSync, openSync, writeFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { AnchorageError, messageOf } from '../protocol/errors.ts';
import { write } from './terminal.ts';

const newline = 0x0a;

/** Where a batch reads from and writes to. */
export interface BatchFiles {
  readonly input: Readable;
  /** Empties the output. Until then it holds what it held: a batch that cannot begin destroys no earlier results. */
  readonly begin: () => void;
  /** Writes a row; it is complete when the promise resolves. */
  readonly write: (row: unknown) => Promise<void>;
  readonly close: () => void;
}

/**
 * Opens both ends, each a path or `-`, before the model is loaded, so that a wrong path is told at once.
 *
 * @throws AnchorageError `fileUnreadable` naming the file, `invalidInput` when both are the same one.
 */
export function openBatchFiles(input: string, output: string): BatchFiles {
  const source = input === '-' ? process.stdin.fd : open(input, 'r');
  const stat = fstatSync(source);
  if (stat.isDirectory()) throw new AnchorageError('fileUnreadable', `${input} is a folder.`, 'Name a file in it.');
  const sink = output === '-' ? null : open(output, 'a');
  if (sink !== null && stat.isFile()) {
    const { dev, ino } = fstatSync(sink);
    if (dev === stat.dev && ino === stat.ino) {
      throw new AnchorageError(
        'invalidInput',
        `${output} is the input too: its rows would be lost.`,
        'Choose another output file.',
      );
    }
  }
  const stream = input === '-' ? process.stdin : createReadStream(input, { fd: source });
  if (sink === null) {
    return {
      input: stream,
      begin: () => {},
      write: (row) => write(process.stdout, `${JSON.stringify(row)}\n`),
      close: () => stream.destroy(),
    };
  }
  return {
    input: stream,
    begin: () => {
      // A device or a pipe has no end to be moved.
      if (fstatSync(sink).isFile()) ftruncateSync(sink);
    },
    write: async (row) => {
      try {
        writeFileSync(sink, `${JSON.stringify(row)}\n`);
      } catch (error) {
        const message = `${output} cannot be written: ${messageOf(error)}.`;
        throw new AnchorageError('storageUnavailable', message, 'Free some space, or choose another output file.', {
          cause: error,
        });
      }
    },
    close: () => {
      stream.destroy();
      closeSync(sink);
    },
  };
}

function open(path: string, flags: 'r' | 'a'): number {
  try {
    return openSync(path, flags);
  } catch (error) {
    const [cannot, remedy] = flags === 'r' ? ['read', 'Check the path.'] : ['written', 'Choose another output file.'];
    throw new AnchorageError('fileUnreadable', `${path} cannot be ${cannot}: ${messageOf(error)}.`, remedy, {
      cause: error,
    });
  }
}

/** The lines of a stream. Those of JSON Lines end with `\n` alone: U+2028 and U+2029 may stand inside of one. */
export async function* linesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  for await (const bytes of stream) {
    let begin = 0;
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, begin)) {
      yield Buffer.concat([...parts, bytes.subarray(begin, end)]);
      parts = [];
      begin = end + 1;
    }
    parts.push(bytes.subarray(begin));
  }
  yield Buffer.concat(parts);
}
