import { LORA_ALPHA, LORA_RANK, type LoraPlace, type TinyModel, type TinyTensor } from './tinyModel.ts';

/** A context as the reference runs it. Sequence 0 is the pinned prefix, the last one the live exchange. */
export interface ReferenceSequence {
  readonly ids: readonly number[];
  readonly anchors: ReadonlySet<number>;
  readonly alone: boolean;
  readonly whole: boolean;
}

interface Token {
  readonly id: number;
  readonly position: number;
  readonly sequence: number;
  readonly anchor: boolean;
  readonly kept: boolean;
  readonly alone: boolean;
  /** Where its key stands for later sequences. */
  readonly cachePosition: number;
}

type Row = number[];

/**
 * One masked forward over a whole context in double precision, with no cache at all: what the streamed, reduced run
 * has to equal. Written for clarity, from the definition of the mask and of the two kinds of positions.
 *
 * @returns logits of every token, [tokens][vocabulary]
 */
export function referenceLogits(
  model: TinyModel,
  sequences: readonly ReferenceSequence[],
  onAttention?: (layer: number, head: number, query: number, key: number, probability: number) => void,
): Row[] {
  const { config, anchors: rules } = model;
  const tokens = place(sequences, rules.positions === 'absolute');
  const groups = config.num_attention_heads / config.num_key_value_heads;
  let hidden = tokens.map((token) => embed(model, token));
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const cached = new Map<string, TinyTensor>();
    const weight = (name: string, place: LoraPlace = 'all'): TinyTensor => {
      const key = `${place} ${name}`;
      const found = cached.get(key) ?? merged(model, `model.layers.${layer}.${name}`, place);
      cached.set(key, found);
      return found;
    };
    const product = (name: string, x: Row, i: number): Row =>
      times(weight(name, at(tokens, i).anchor ? 'anchors' : 'all'), x);
    const normed = hidden.map((x) => rmsNorm(x, weight('input_layernorm'), config.rms_norm_eps));
    const queries = normed.map((x, i) => product('self_attn.q_proj', x, i));
    const keys = normed.map((x, i) => product('self_attn.k_proj', x, i));
    const values = normed.map((x, i) => product('self_attn.v_proj', x, i));
    hidden = hidden.map((x, i) => {
      const query = at(tokens, i);
      const seen = tokens.slice(0, i + 1).flatMap((key, j) => (sees(query, key, rules.anchors_see_anchors) ? [j] : []));
      const mixed: Row = [];
      for (let head = 0; head < config.num_attention_heads; head++) {
        const kvHead = Math.floor(head / groups);
        const turned = rotate(slice(at(queries, i), head, config.head_dim), query.position, config.rope_theta);
        const weights = seen.map((j) => {
          const key = at(tokens, j);
          const isOwn = key.sequence === query.sequence || key.sequence === 0;
          const position = isOwn ? key.position : key.cachePosition;
          const k = rotate(slice(at(keys, j), kvHead, config.head_dim), position, config.rope_theta);
          return dot(turned, k) / Math.sqrt(config.head_dim);
        });
        const probabilities = softmax(weights);
        const out = new Array<number>(config.head_dim).fill(0);
        seen.forEach((j, n) => {
          onAttention?.(layer, head, i, j, at(probabilities, n));
          const v = slice(at(values, j), kvHead, config.head_dim);
          for (let d = 0; d < out.length; d++) out[d] = at(out, d) + at(probabilities, n) * at(v, d);
        });
        mixed.push(...out);
      }
      return plus(x, product('self_attn.o_proj', mixed, i));
    });
    hidden = hidden.map((x, n) => {
      const y = rmsNorm(x, weight('post_attention_layernorm'), config.rms_norm_eps);
      const up = product('mlp.up_proj', y, n);
      const gated = product('mlp.gate_proj', y, n).map((g, i) => (g / (1 + Math.exp(-g))) * at(up, i));
      return plus(x, product('mlp.down_proj', gated, n));
    });
  }
  const head = merged(model, config.tie_word_embeddings ? 'model.embed_tokens' : 'lm_head');
  return hidden.map((x) => times(head, rmsNorm(x, merged(model, 'model.norm'), config.rms_norm_eps)));
}

function place(sequences: readonly ReferenceSequence[], isAbsolute: boolean): Token[] {
  const tokens: Token[] = [];
  const pinned = sequences[0]?.ids.length ?? 0;
  let kept = 0;
  sequences.forEach(({ ids, anchors, alone, whole }, sequence) => {
    const base = isAbsolute ? tokens.length : alone ? pinned : kept;
    ids.forEach((id, t) => {
      const anchor = anchors.has(t);
      const stays = anchor || whole;
      const position = base + t;
      const cachePosition = isAbsolute ? position : kept;
      if (stays) kept++;
      tokens.push({ id, position, sequence, anchor, kept: stays, alone, cachePosition });
    });
  });
  return tokens;
}

/** AnSAN mask, word for word. `key` is not after `query`. */
export function sees(
  query: Pick<Token, 'sequence' | 'anchor' | 'alone'>,
  key: Pick<Token, 'sequence' | 'kept'>,
  anchorsSeeAnchors: boolean,
): boolean {
  if (key.sequence === query.sequence) return true;
  if (key.sequence === 0) return true;
  if (!key.kept) return false;
  if (query.alone) return false;
  return !query.anchor || anchorsSeeAnchors;
}

function embed(model: TinyModel, token: Token): Row {
  const { config, anchors, anchorEmbedding } = model;
  const added = token.id - config.vocab_size;
  if (added >= 0 && anchorEmbedding !== null) return slice(Array.from(anchorEmbedding.data), added, config.hidden_size);
  const table = merged(model, 'model.embed_tokens');
  const row = Array.from(table.data.subarray(token.id * config.hidden_size, (token.id + 1) * config.hidden_size));
  const isMarked = token.anchor && anchors.scheme === 'mark' && anchorEmbedding !== null;
  return isMarked ? plus(row, Array.from(anchorEmbedding.data)) : row;
}

/** A weight as tokens of a kind multiply by it: W + Σ (alpha / r) B A of the LoRAs that are for them. */
function merged({ base, loras }: TinyModel, name: string, place: LoraPlace = 'all'): TinyTensor {
  const weight = base.get(`${name}.weight`);
  if (weight === undefined) throw new Error(`no weight ${name}`);
  const forAll = withLora(weight, loras.all, name);
  return place === 'all' ? forAll : withLora(forAll, loras.anchors, name);
}

function withLora(weight: TinyTensor, lora: ReadonlyMap<string, TinyTensor>, name: string): TinyTensor {
  const a = lora.get(`base_model.model.${name}.lora_A.weight`);
  const b = lora.get(`base_model.model.${name}.lora_B.weight`);
  if (a === undefined || b === undefined) return weight;
  const columns = at(weight.shape, 1);
  const data = weight.data.map((value, i) => {
    const row = Math.floor(i / columns);
    let sum = 0;
    for (let r = 0; r < LORA_RANK; r++)
      sum += at(b.data, row * LORA_RANK + r) * at(a.data, r * columns + (i % columns));
    return value + (LORA_ALPHA / LORA_RANK) * sum;
  });
  return { shape: weight.shape, data };
}

function rotate(x: Row, position: number, theta: number): Row {
  const half = x.length / 2;
  return x.map((value, i) => {
    const angle = position * theta ** (-(i % half) / half);
    const other = i < half ? -at(x, i + half) : at(x, i - half);
    return value * Math.cos(angle) + other * Math.sin(angle);
  });
}

function times({ shape, data }: TinyTensor, x: Row): Row {
  const columns = at(shape, 1);
  return Array.from({ length: at(shape, 0) }, (_, row) => {
    let sum = 0;
    for (let c = 0; c < columns; c++) sum += at(data, row * columns + c) * at(x, c);
    return sum;
  });
}

function rmsNorm(x: Row, weight: TinyTensor, epsilon: number): Row {
  const scale = 1 / Math.sqrt(dot(x, x) / x.length + epsilon);
  return x.map((value, i) => value * scale * at(weight.data, i));
}

function softmax(x: Row): Row {
  const top = Math.max(...x);
  const weights = x.map((value) => Math.exp(value - top));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((value) => value / sum);
}

function slice(x: Row, index: number, width: number): Row {
  return x.slice(index * width, (index + 1) * width);
}

function plus(a: Row, b: Row): Row {
  return a.map((value, i) => value + at(b, i));
}

function dot(a: Row, b: Row): number {
  return a.reduce((sum, value, i) => sum + value * at(b, i), 0);
}

function at<T>(list: ArrayLike<T>, index: number): T {
  const value = list[index];
  if (value === undefined) throw new Error(`no element ${index}`);
  return value;
}
