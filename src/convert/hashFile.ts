import { createHash } from 'node:crypto';
import { InputFile } from './inputFile.ts';

const pieceBytes = 1 << 22;

/** SHA-256 of a file, in hexadecimal, read piece by piece. */
export function hashFile(path: string): string {
  const file = InputFile.open(path);
  try {
    const hash = createHash('sha256');
    for (let at = 0; at < file.size; at += pieceBytes) {
      hash.update(file.read(at, Math.min(pieceBytes, file.size - at), 'its content'));
    }
    return hash.digest('hex');
  } finally {
    file.close();
  }
}
