// Runs `fetchInto` in a process of its own, where Node's flags for proxies and certificates can be set:
// `node scripts/prepare/fetchProgram.ts URL FILE BYTES`. Prints "Progress N" as it goes, and at the end whether the file is whole.
import { fetchInto } from './fetchInto.ts';
import { PreparationError } from './preparationError.mjs';

const [url = '', path = '', totalBytes = ''] = process.argv.slice(2);
let told = 0;
try {
  const onBytes = (bytes: number): void => {
    if (Date.now() - told < 200 && bytes < Number(totalBytes)) return;
    told = Date.now();
    console.error(`Progress ${bytes}`);
  };
  console.log(await fetchInto(url, path, { totalBytes: Number(totalBytes), onBytes }));
} catch (error) {
  if (!(error instanceof PreparationError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
