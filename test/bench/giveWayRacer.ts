/** One process of giveWay.ts: `node giveWayRacer.ts ROLE` reads milliseconds, line by line, and answers with work per second. */
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { AnchorContext } from '../../src/engine/anchorContext.ts';
import { Decoder } from '../../src/engine/decoder.ts';
import { loadPackage } from '../../src/engine/modelPackage.ts';
import { giveWay } from '../../src/worker/processPriority.ts';
import { builtInPackage } from './report.ts';

/** Rows that the decode steps go over. */
const pastRows = 256;

const role = z.enum(['counts', 'writes', 'gives way']).parse(process.argv[2]);
if (role === 'gives way') giveWay('busy');
const work = role === 'counts' ? count : await decodeSteps();
console.log('ready');
for await (const line of createInterface(process.stdin)) {
  const milliseconds = Number(line);
  const begin = performance.now();
  let done = 0;
  while (performance.now() - begin < milliseconds) done += await work();
  console.log((1000 * done) / (performance.now() - begin));
}

/** Some milliseconds of work for one core. */
function count(): number {
  let sum = 0;
  for (let i = 0; i < 3e6; i++) sum += Math.sqrt(i);
  return sum > 0 ? 1 : 0;
}

/** A decode step of the built-in model. */
async function decodeSteps(): Promise<() => Promise<number>> {
  const pkg = await loadPackage(builtInPackage);
  const decoder = await Decoder.create(pkg, { variant: 'int8', threads: 0 });
  const context = new AnchorContext(decoder, { pinned: pkg.layout.pinned() });
  const text = pkg.tokenizer.encodeText('A worker gives way to the editor. '.repeat(pastRows));
  await context.keepWhole(text.slice(0, pastRows));
  return async () => {
    await context.read([text[0] ?? 0], { logits: 'last' });
    context.dropLive();
    return 1;
  };
}
