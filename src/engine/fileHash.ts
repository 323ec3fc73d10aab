import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { AnchorageError, messageOf } from '../protocol/errors.ts';

/** Bytes from which a thread costs less than it saves. */
const large = 16 * 2 ** 20;

// Text and not a file of its own: as a thread's script that would have to be found beside every bundle.
const script = `
  const { createHash } = require('node:crypto');
  const { openSync, readSync } = require('node:fs');
  const { parentPort, workerData } = require('node:worker_threads');
  const file = openSync(workerData, 'r');
  const buffer = Buffer.allocUnsafe(1 << 20);
  const hash = createHash('sha256');
  for (let read; (read = readSync(file, buffer)) > 0; ) hash.update(buffer.subarray(0, read));
  parentPort.postMessage(hash.digest('hex'));`;

/**
 * SHA-256 of a file in hexadecimal digits. Large ones are hashed in a thread of their own: weights while onnxruntime
 * loads them, which holds this one up.
 *
 * @throws AnchorageError `fileUnreadable`
 */
export async function sha256Of(path: string, bytes: number): Promise<string> {
  try {
    if (bytes < large) {
      return createHash('sha256')
        .update(await readFile(path))
        .digest('hex');
    }
    return await hashInThread(path);
  } catch (error) {
    throw new AnchorageError('fileUnreadable', `${path} cannot be read: ${messageOf(error)}.`, '', { cause: error });
  }
}

function hashInThread(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(script, { eval: true, workerData: path });
    thread.once('message', (digest) => resolve(String(digest)));
    thread.once('error', reject);
    thread.once('exit', () => reject(new Error('the thread that hashes it ended')));
  });
}
