import { AnchorContext } from '../../../src/engine/anchorContext.ts';
import type { Decoder } from '../../../src/engine/decoder.ts';
import { median } from '../report.ts';
import type { Arm } from './arms.ts';
import type { Item } from './item.ts';

/** By reading: how many times as long the same questions take without caching, and with full caching. */
export type Acceleration = Readonly<
  Record<string, { readonly againstNoCaching: number; readonly againstFullCaching: number }>
>;

/**
 * The paper's T (arXiv 2402.07616, section 4 and appendix A.1): time to read a question and its answer when the
 * demonstrations' rows are cached already, reduced; against reading all of it again, and against the same with the whole
 * cache. Sealing the demonstrations is not in it, as it is done once. Timed in this process, readings in turns.
 */
export async function measureAcceleration(
  decoder: Decoder,
  arms: readonly Arm[],
  items: readonly Item[],
): Promise<Acceleration> {
  const anchored = arms.flatMap(({ name, package: package_, reading }) =>
    package_ === 'anchors' && reading.mode === 'anchors' ? [{ name, ratio: reading.ratio }] : [],
  );
  const times = { none: [] as number[], full: [] as number[] };
  const reduced = new Map(anchored.map(({ name }) => [name, [] as number[]]));
  const { layout, tokenizer } = decoder.package;
  const context = new AnchorContext(decoder, { pinned: layout.pinned() });
  for (const item of items) {
    const chunks = item.chunks.map((chunk) => tokenizer.encodeText(typeof chunk === 'string' ? chunk : chunk.user));
    const live = tokenizer.encodeText(liveText(item));
    const timed = async (): Promise<number> => {
      const begin = performance.now();
      await context.read(live, { logits: 'last' });
      return performance.now() - begin;
    };
    await context.readPinned();
    const begin = performance.now();
    for (const chunk of chunks) await context.keepWhole(chunk);
    const reading = performance.now() - begin;
    const full = await timed();
    context.truncateTo(0);
    times.full.push(full);
    times.none.push(reading + full);
    for (const { name, ratio } of anchored) {
      for (const chunk of chunks) await context.seal(chunk, { ratio, choice: 'stride' });
      reduced.get(name)?.push(await timed());
      context.truncateTo(0);
    }
  }
  return Object.fromEntries(
    [...reduced].map(([name, own]) => [
      name,
      { againstNoCaching: ratioOf(times.none, own), againstFullCaching: ratioOf(times.full, own) },
    ]),
  );
}

/** The median of the quotients of the same questions. */
function ratioOf(slow: readonly number[], fast: readonly number[]): number {
  return median(slow.map((value, i) => value / (fast[i] ?? NaN)));
}

function liveText({ ask }: Item): string {
  if (ask.kind === 'choice') return `${ask.prompt ?? ask.question ?? ''}${ask.choices[ask.answer] ?? ''}`;
  return ask.kind === 'blank' ? `${ask.prompts[ask.answer] ?? ''}${ask.continuation}` : '';
}
