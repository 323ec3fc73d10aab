import type { Choice } from '../protocol/anchorConfig.ts';
import type { KvAccount } from './kvAccount.ts';
import type { ScoringPass } from './scoringPass.ts';

export interface ContextOptions {
  /** Token ids of the pinned prefix. */
  readonly pinned: readonly number[];
  /**
   * `onClose`: the live exchange stays whole. `online`: every anchor in it, fed or generated, reduces at once
   * (arXiv 2402.07616, algorithm 1).
   */
  readonly reduction?: 'onClose' | 'online';
  /** Tokens per anchor under `online`; the package's ratio by default. */
  readonly onlineRatio?: number;
  /** Chooses anchors; one with the same pinned prefix may serve several contexts. Made when needed by default. */
  readonly scoring?: ScoringPass;
  /** Of which the memory of keys and values is taken. */
  readonly account?: KvAccount;
}

export interface Reading {
  readonly signal?: AbortSignal | undefined;
  /** Called between runs with the tokens done so far. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface SealOptions extends Reading {
  readonly ratio?: number | undefined;
  readonly choice?: Choice | undefined;
  /** The sequence sees the pinned prefix alone, so that its anchors depend on content alone. */
  readonly independent?: boolean | undefined;
}
