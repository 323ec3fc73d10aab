/** One process's measurements for ownSpeed.ts: `node ownSpeedSample.ts VARIANT LENGTHS` prints one JSON line. */
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { variants } from '../../src/protocol/packageManifest.ts';
import { AnchorContext } from '../../src/engine/anchorContext.ts';
import { Decoder } from '../../src/engine/decoder.ts';
import { loadPackage } from '../../src/engine/modelPackage.ts';
import { heldoutTexts } from './heldout.ts';
import { builtInPackage, median, printResult } from './report.ts';

const firstToken = z.object({ firstTokenMs: z.number() });
const heldSession = firstToken.extend({ decodeTokensPerSecond: z.number() });
export const speedSchema = z.object({
  loadMs: z.number(),
  prefillTokensPerSecond: z.number(),
  decodeTokensPerSecond: z.number(),
  /** The longest run while reading: Stop is honoured after it. */
  longestRunMs: z.number(),
  peakMemoryMB: z.number(),
  sessions: z.array(
    z.object({
      textTokens: z.int(),
      kvRows: z.int(),
      kvRowsFull: z.int(),
      anchors: heldSession,
      full: heldSession,
      none: firstToken,
    }),
  ),
});
export type Speed = z.infer<typeof speedSchema>;

const QUESTION = 'Which of these functions would you call to read a file, and why?';
const SEQUENCE = 256;
const DECODED = 32;

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();

async function main(): Promise<void> {
  const variant = z.enum(variants).parse(process.argv[2]);
  const lengths = (process.argv[3] ?? '').split(',').map(Number);
  const began = performance.now();
  const pkg = await loadPackage(builtInPackage);
  const decoder = await Decoder.create(pkg, { variant, threads: 0 });
  const loadMs = performance.now() - began;
  const text = (await heldoutTexts()).flatMap(({ text: each }) => pkg.tokenizer.encodeText(each));
  await readFresh(decoder, text.slice(0, 64));

  const prefill = await repeated(3, () => readFresh(decoder, text.slice(0, 512)));
  const empty = new AnchorContext(decoder, { pinned: pkg.layout.pinned() });
  await empty.read(pkg.layout.live(QUESTION), { logits: 'last' });
  const speed: Speed = {
    loadMs,
    prefillTokensPerSecond: 512 / (prefill / 1000),
    decodeTokensPerSecond: (await decodeSpeeds([empty], text))[0] ?? NaN,
    longestRunMs: await longestRun(decoder, text.slice(0, 512)),
    // Before the longer sessions, whose full caching would count.
    peakMemoryMB: process.resourceUsage().maxRSS / 1024,
    sessions: [],
  };
  for (const length of lengths) speed.sessions.push(await session(decoder, text.slice(0, length)));
  await decoder.dispose();
  printResult(speed);
}

/** One session held three ways; the ways take turns. */
async function session(decoder: Decoder, text: readonly number[]): Promise<Speed['sessions'][number]> {
  const { layout } = decoder.package;
  const question = layout.live(QUESTION);
  const anchors = new AnchorContext(decoder, { pinned: layout.pinned() });
  const full = new AnchorContext(decoder, { pinned: layout.pinned() });
  for (let start = 0; start < text.length; start += SEQUENCE) {
    await anchors.seal(text.slice(start, start + SEQUENCE), { choice: 'stride' });
    await full.keepWhole(text.slice(start, start + SEQUENCE));
  }
  const { rows: kvRows, rowsFull: kvRowsFull } = anchors;
  const ask = async (context: AnchorContext): Promise<number> => {
    context.dropLive();
    return timed(() => context.read(question, { logits: 'last' }));
  };
  const times = { anchors: [] as number[], full: [] as number[], none: [] as number[] };
  for (let turn = 0; turn < 3; turn++) {
    times.anchors.push(await ask(anchors));
    times.full.push(await ask(full));
    if (turn === 0) times.none.push(await readFresh(decoder, [...layout.pinned(), ...text, ...question]));
  }
  const [overAnchors = NaN, overAll = NaN] = await decodeSpeeds([anchors, full], text);
  return {
    textTokens: text.length,
    kvRows,
    kvRowsFull,
    anchors: { firstTokenMs: median(times.anchors), decodeTokensPerSecond: overAnchors },
    full: { firstTokenMs: median(times.full), decodeTokensPerSecond: overAll },
    none: { firstTokenMs: median(times.none) },
  };
}

/** Milliseconds to read tokens into an empty context, up to the logits of the last. */
function readFresh(decoder: Decoder, tokens: readonly number[]): Promise<number> {
  return timed(() => new AnchorContext(decoder, { pinned: [] }).read(tokens, { logits: 'last' }));
}

async function longestRun(decoder: Decoder, tokens: readonly number[]): Promise<number> {
  let longest = 0;
  let last = performance.now();
  const onProgress = (): void => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  };
  await new AnchorContext(decoder, { pinned: [] }).read(tokens, { logits: 'last', onProgress });
  return longest;
}

/** Decode steps per second of each context; the contexts take turns, step by step. */
async function decodeSpeeds(contexts: readonly AnchorContext[], text: readonly number[]): Promise<number[]> {
  const steps = contexts.map((): number[] => []);
  for (const id of text.slice(0, DECODED)) {
    for (const [i, context] of contexts.entries()) {
      steps[i]?.push(await timed(() => context.read([id], { logits: 'last' })));
    }
  }
  return steps.map((times) => 1000 / median(times));
}

async function repeated(count: number, measure: () => Promise<number>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) times.push(await measure());
  return median(times);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
