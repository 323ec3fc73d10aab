import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { PreparationError } from './preparationError.mjs';

/** Attempts in a row that bring nothing before the network counts as gone. */
const fruitlessAttempts = 8;

export interface FetchOptions {
  readonly totalBytes: number;
  /** Told how many bytes the file has. */
  readonly onBytes?: (bytes: number) => void;
  /** Before the second attempt; doubled for each one after it, up to 10 s. */
  readonly pauseMs?: number;
}

/**
 * Fetches a file of a known length, going on where an earlier call stopped, in this process or in one that was killed:
 * `path` keeps what has arrived. Its content is for the caller to check.
 *
 * @returns whether the file is whole; false where the server can't be asked this way (it refuses, wants a login, is none)
 * @throws {PreparationError} `noNetwork` when a connection that had brought something can't be had again
 */
export async function fetchInto(
  url: string,
  path: string,
  { totalBytes, onBytes, pauseMs = 500 }: FetchOptions,
): Promise<boolean> {
  const before = await sizeOf(path);
  let fruitless = 0;
  // What is longer is something else.
  let has = before > totalBytes ? 0 : before;
  while (has < totalBytes) {
    const failure = await fetchRest(url, path, has, onBytes).then(
      () => 'the connection ended early',
      (error: unknown) => {
        if (!(error instanceof Error)) return String(error);
        if ('code' in error && error.code === 'ENOSPC')
          throw new PreparationError(
            'noDiskSpace',
            `The disk is full at ${path}. Free some space, then run the same command again.`,
          );
        return error.message;
      },
    );
    const found = await sizeOf(path);
    fruitless = found > has ? 0 : fruitless + 1;
    has = found;
    if (has >= totalBytes) break;
    if (has === before) return false;
    if (fruitless >= fruitlessAttempts) {
      throw new PreparationError(
        'noNetwork',
        `${url} can't be fetched further (${failure}). Check the network, then run the same command again: what has arrived is kept.`,
      );
    }
    await sleep(Math.min(pauseMs * 2 ** fruitless, 10_000));
  }
  return has === totalBytes;
}

/** One request for the bytes from `from` on, appended to the file; or for all of them, where the server gives no parts. */
async function fetchRest(
  url: string,
  path: string,
  from: number,
  onBytes: ((bytes: number) => void) | undefined,
): Promise<void> {
  const { body, status } = await fetch(url, { headers: { range: `bytes=${from}-`, 'accept-encoding': 'identity' } });
  if (body === null || (status !== 200 && status !== 206)) throw new Error(`the server says ${status}`);
  const isRest = status === 206;
  let bytes = isRest ? from : 0;
  await pipeline(
    body,
    async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        bytes += chunk.length;
        onBytes?.(bytes);
        yield chunk;
      }
    },
    createWriteStream(path, { flags: isRest && from > 0 ? 'a' : 'w' }),
  );
}

function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}
