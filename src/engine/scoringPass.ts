import { AnchorageError } from '../protocol/errors.ts';
import { AnchorCache } from './anchorCache.ts';
import { attentionBias } from './anchorMask.ts';
import type { Decoder } from './decoder.ts';
import type { KvAccount } from './kvAccount.ts';
import type { PlacedToken } from './placedToken.ts';
import { throwIfCancelled } from './sequenceReader.ts';

/** Sequences whose scores are remembered: a text is often sealed again, at another ratio. */
const REMEMBERED = 64;

/**
 * Scores the tokens of a sequence for `window` and `attention`: how much attention each receives while the model
 * repeats the sequence (KVzip, Kim et al., arXiv 2505.23416, with one set of tokens for all heads).
 *
 * The model runs causally, without marks, over pinned prefix + sequence + a request to repeat + sequence. The score is
 * the largest attention probability over the second copy's queries, averaged over layers and heads. Earlier memory is
 * not in that run, so scores depend on the pinned prefix and the content alone, and contexts with the same prefix may
 * share a pass.
 */
export class ScoringPass {
  readonly #decoder: Decoder;
  readonly #pinned: readonly number[];
  readonly #cache: AnchorCache;
  readonly #remembered = new Map<string, Float64Array>();
  /** The last request: they take turns, since they share a cache. */
  #turn: Promise<unknown> = Promise.resolve();

  /** @param account of which a pass takes its memory while it runs: about twice the sequence. */
  constructor(decoder: Decoder, pinned: readonly number[], account?: KvAccount) {
    this.#decoder = decoder;
    this.#pinned = pinned;
    this.#cache = new AnchorCache(decoder.package.config, decoder.createStorage(), account);
  }

  /**
   * @returns scores [sequence.length]
   * @throws AnchorageError `cancelled` between runs, `contextTooLong`.
   */
  async scores(sequence: readonly number[], signal?: AbortSignal): Promise<Float64Array> {
    const mine = this.#turn.then(() => this.#scores(sequence, signal));
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async #scores(sequence: readonly number[], signal: AbortSignal | undefined): Promise<Float64Array> {
    const key = sequence.join();
    const known = this.#remembered.get(key);
    if (known !== undefined) return known;
    const scores = await this.#runAndForget(sequence, signal);
    this.#remembered.set(key, scores);
    const oldest = this.#remembered.keys().next();
    if (this.#remembered.size > REMEMBERED && oldest.done !== true) this.#remembered.delete(oldest.value);
    return scores;
  }

  /** As `#run`; of the cache only the prefix stays, and nothing that was lost with a device. */
  async #runAndForget(sequence: readonly number[], signal: AbortSignal | undefined): Promise<Float64Array> {
    try {
      return await this.#run(sequence, signal).finally(async () => {
        this.#cache.truncate(this.#pinned.length);
        await this.#cache.trim();
      });
    } catch (error) {
      if (AnchorageError.is(error, 'deviceFailed')) this.#cache.release();
      throw error;
    }
  }

  async #run(sequence: readonly number[], signal: AbortSignal | undefined): Promise<Float64Array> {
    const { config, layout } = this.#decoder.package;
    const request = layout.repeatRequest();
    const needed = this.#pinned.length + 2 * sequence.length + request.length;
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
    await this.#read([...sequence, ...request], null, signal);
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
