import type { Choice } from '../protocol/anchorConfig.ts';
import { AnchorageError } from '../protocol/errors.ts';
import { AnchorCache } from './anchorCache.ts';
import { attentionBias } from './anchorMask.ts';
import type { Decoder } from './decoder.ts';
import type { KvAccount } from './kvAccount.ts';
import type { PlacedToken } from './placedToken.ts';
import { throwIfCancelled } from './sequenceReader.ts';

/** Sequences whose scores are remembered: a text is often sealed again, at another ratio. */
const REMEMBERED = 64;

/** Where scores come from: a repetition of the sequence, or the package's learned scorer. */
export type ScoredBy = 'repeating' | 'scorer';

/** What the scores of a choice come from. */
export function scoredBy(choice: Choice): ScoredBy {
  return choice === 'learned' ? 'scorer' : 'repeating';
}

/**
 * Scores the tokens of a sequence, for the choice of its anchors.
 *
 * `repeating`, for `window` and `attention`: how much attention each receives while the model repeats the sequence (KVzip, Kim
 * et al., arXiv 2505.23416, with one set of tokens for all heads). The model runs causally, without marks, over pinned prefix +
 * sequence + a request to repeat + sequence. The score is the largest attention probability over the second copy's queries,
 * averaged over layers and heads.
 *
 * `scorer`, for `learned`: the model runs over pinned prefix + sequence, and the package's scorer reads the values.
 *
 * Earlier memory is in neither run, so scores depend on the pinned prefix and the content alone, and contexts with the same
 * prefix may share a pass.
 */
export class ScoringPass {
  readonly #decoder: Decoder;
  readonly #pinned: readonly number[];
  readonly #cache: AnchorCache;
  readonly #remembered = new Map<string, Float64Array>();
  /** The last request: they take turns, since they share a cache. */
  #turn: Promise<unknown> = Promise.resolve();

  /** @param account of which a pass takes its memory while it runs: the sequence, or (`repeating`) about twice of it. */
  constructor(decoder: Decoder, pinned: readonly number[], account?: KvAccount) {
    this.#decoder = decoder;
    this.#pinned = pinned;
    this.#cache = new AnchorCache(decoder.package.config, decoder.createStorage(), account);
  }

  /**
   * @returns scores [sequence.length]
   * @throws AnchorageError `cancelled` between runs, `contextTooLong`, `unsupported` where the package has no scorer.
   */
  async scores(sequence: readonly number[], by: ScoredBy, signal?: AbortSignal): Promise<Float64Array> {
    const mine = this.#turn.then(() => this.#scores(sequence, by, signal));
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async #scores(sequence: readonly number[], by: ScoredBy, signal: AbortSignal | undefined): Promise<Float64Array> {
    const key = `${by} ${sequence.join()}`;
    const known = this.#remembered.get(key);
    if (known !== undefined) return known;
    const scores = await this.#runAndForget(sequence, by, signal);
    this.#remembered.set(key, scores);
    const oldest = this.#remembered.keys().next();
    if (this.#remembered.size > REMEMBERED && oldest.done !== true) this.#remembered.delete(oldest.value);
    return scores;
  }

  /** As `#run`; of the cache only the prefix stays, and nothing that was lost with a device. */
  async #runAndForget(
    sequence: readonly number[],
    by: ScoredBy,
    signal: AbortSignal | undefined,
  ): Promise<Float64Array> {
    try {
      return await this.#run(sequence, by, signal).finally(async () => {
        this.#cache.truncate(this.#pinned.length);
        await this.#cache.trim();
      });
    } catch (error) {
      if (AnchorageError.is(error, 'deviceFailed')) this.#cache.release();
      throw error;
    }
  }

  async #run(sequence: readonly number[], by: ScoredBy, signal: AbortSignal | undefined): Promise<Float64Array> {
    const { config, layout } = this.#decoder.package;
    const request = by === 'repeating' ? [...layout.repeatRequest(), ...sequence] : [];
    const needed = this.#pinned.length + sequence.length + request.length;
    if (needed > config.max_position_embeddings) {
      throw new AnchorageError(
        'contextTooLong',
        `Choosing anchors needs ${needed} positions; the model has ${config.max_position_embeddings}.`,
        'Choose anchors by stride, or lower max_sequence_tokens.',
      );
    }
    // The prefix is always read by itself and as a whole: int8 rounds by groups, so a score would else depend on whether
    // another sequence was scored, or stopped, before.
    const hasPrefix = this.#cache.rows >= this.#pinned.length;
    if (!hasPrefix) {
      this.#cache.truncate(0);
      await this.#read(this.#pinned, null, signal);
    }
    return by === 'repeating' ? this.#repeated(sequence, signal) : this.#learned(sequence, signal);
  }

  async #learned(sequence: readonly number[], signal: AbortSignal | undefined): Promise<Float64Array> {
    const { scorer, package: pkg } = this.#decoder;
    if (scorer === null) {
      throw new AnchorageError(
        'unsupported',
        `The package ${pkg.name} has no learned scorer.`,
        `Choose anchors by ${pkg.anchors.choices.join(' or ')}.`,
      );
    }
    await this.#read(sequence, null, signal);
    const rows = await this.#cache.copyRows(this.#pinned.length, sequence.length);
    return scorer.scores(rows, sequence.length);
  }

  async #repeated(sequence: readonly number[], signal: AbortSignal | undefined): Promise<Float64Array> {
    const { config, layout } = this.#decoder.package;
    await this.#read([...sequence, ...layout.repeatRequest()], null, signal);
    const heads = config.num_hidden_layers * config.num_attention_heads;
    const largest = new Float32Array(heads * sequence.length);
    await this.#read(sequence, largest, signal);
    const scores = new Float64Array(sequence.length);
    largest.forEach((probability, i) => {
      const t = i % sequence.length;
      scores[t] = (scores[t] ?? 0) + probability / heads;
    });
    return scores;
  }

  /** Reads ids in groups; with `largest` [layers * heads, n] keeps the maxima on the n rows after the prefix. */
  async #read(ids: readonly number[], largest: Float32Array | null, signal?: AbortSignal): Promise<void> {
    const { groupTokens } = this.#decoder;
    for (let start = 0; start < ids.length; start += groupTokens) {
      throwIfCancelled(signal);
      const cache = this.#cache;
      const tokens: PlacedToken[] = ids.slice(start, start + groupTokens).map((id, t) => {
        return { id, position: cache.rows + t, sequence: 0, anchor: false, kept: true, alone: false };
      });
      const bias = attentionBias(cache, tokens, true);
      const width = cache.rows + tokens.length;
      await cache.reserve(tokens.length);
      const result = await this.#decoder.run({ cache, tokens, bias, logits: [], wantScores: largest !== null });
      await cache.append(result.keyValues, tokens);
      if (largest !== null) this.#keepLargest(largest, ids.length, result.scores, width);
    }
  }

  #keepLargest(largest: Float32Array, count: number, scores: Float32Array, width: number): void {
    for (let i = 0; i < largest.length; i++) {
      const head = Math.floor(i / count);
      const score = scores[head * width + this.#pinned.length + (i % count)] ?? 0;
      if (score > (largest[i] ?? 0)) largest[i] = score;
    }
  }
}
