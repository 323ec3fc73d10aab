import { keptChoices, type KeptChoice } from '../../../src/protocol/batch.ts';
import type { RowReading } from './item.ts';

/** Packages that rows run on: ours, the bare base's (scheme select), and the paper's two schemes where they are given. */
export const packageNames = ['anchors', 'base', 'AC', 'EP'] as const;
export type PackageName = (typeof packageNames)[number];

/** One way of reading what the items give. */
export interface Arm {
  readonly name: string;
  readonly package: PackageName;
  /** `summary`: chunks are replaced by summaries of at most as many tokens as their anchors, which are kept whole. */
  readonly reading: RowReading | { readonly mode: 'summary'; readonly ratio: number };
  /** What it stands beside: controls may run on fewer items. */
  readonly isControl: boolean;
}

/** More tokens for an anchor than any chunk has: its anchors are one. */
export const onePerChunk = 1024;

const words: Readonly<Record<KeptChoice, string>> = {
  recent: 'recent (StreamingLLM)',
  separators: 'separators (SepLLM)',
  attention: 'attention (KVzip)',
  random: 'random tokens',
};

/** Reading all of the chunks, and none: what recovery is counted from. The bare base stands beside, unless it is compared itself. */
export function bounds(package_: PackageName, isControl = package_ === 'base'): Arm[] {
  const name = package_ === 'anchors' ? '' : `${package_}, `;
  return (['full', 'none'] as const).map((mode) => ({
    name: `${name}${mode}`,
    package: package_,
    reading: { mode },
    isControl,
  }));
}

/** Anchors at these ratios. */
export function anchored(ratios: readonly number[], package_: PackageName = 'anchors'): Arm[] {
  return ratios.map((ratio) => ({
    name: `${package_ === 'anchors' ? 'anchors' : package_} /${ratioName(ratio)}`,
    package: package_,
    reading: { mode: 'anchors', ratio },
    isControl: false,
  }));
}

/**
 * What holds as much as the anchors of these ratios: rows chosen without training, on the same weights; anchors of the
 * base without an adapter; a summary in words, written by the same model.
 */
export function controls(ratios: readonly number[]): Arm[] {
  return ratios.flatMap((ratio): Arm[] => [
    ...keptChoices.map((keep): Arm => {
      const seed = keep === 'random' ? { seed: 1 } : {};
      const reading = { mode: 'kept', keep, ratio, ...seed } as const;
      return { name: `${words[keep]} /${ratioName(ratio)}`, package: 'anchors', reading, isControl: true };
    }),
    {
      name: `untrained anchors /${ratioName(ratio)}`,
      package: 'base',
      reading: { mode: 'anchors', ratio },
      isControl: true,
    },
    { name: `summary /${ratioName(ratio)}`, package: 'anchors', reading: { mode: 'summary', ratio }, isControl: true },
  ]);
}

function ratioName(ratio: number): string {
  return ratio === onePerChunk ? 'chunk' : String(ratio);
}
