import type { ModelTokenizer } from '../../../src/engine/tokenizer.ts';
import type { Arm } from './arms.ts';
import type { EvaluationData } from './evaluationData.ts';
import type { Item } from './item.ts';

export const parts = ['paper', 'memory', 'work', 'regression'] as const;
export type Part = (typeof parts)[number];

/** How much is run. */
export type Scale = 'quick' | 'whole';

export interface ItemSource {
  readonly data: EvaluationData;
  /** At most as many items. */
  readonly limit: number;
  readonly scale: Scale;
  readonly tokenizer: ModelTokenizer;
}

export interface Task {
  readonly name: string;
  readonly part: Part;
  readonly title: string;
  /** By which recovery and the plots are made, then the others that tables show. */
  readonly metrics: readonly [string, ...string[]];
  /** Items, and those of them that controls run on. */
  readonly limits: Readonly<Record<Scale, { readonly items: number; readonly controls: number }>>;
  readonly arms: (scale: Scale) => readonly Arm[];
  readonly items: (source: ItemSource) => Promise<readonly Item[]>;
  /** What a reader of its figures has to know. */
  readonly caveats: readonly string[];
  /** Files of the data folder that it reads. */
  readonly files: readonly string[];
}
