import type { DecoderConfig } from '../protocol/decoderConfig.ts';
import { AnchorageError } from '../protocol/errors.ts';
import type { GgufFile } from './ggufFile.ts';
import type { TokenizerFiles } from './weightSource.ts';

/** Token kinds in a GGUF file (`enum llama_token_type`). */
const controlToken = 3;
const userDefinedToken = 4;

/**
 * How the byte-level tokenizers cut text before merging: regular expressions applied one after the other, every match a piece
 * of its own. Sources: llama.cpp's `llm_tokenizer_bpe` and the tokenizer.json files of these models.
 */
const gpt2Pattern = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;
const preTokenizers: ReadonlyMap<string, readonly string[]> = new Map([
  ['smollm', [String.raw`\p{N}`, gpt2Pattern]],
  ['gpt-2', [gpt2Pattern]],
  [
    'llama-bpe',
    [
      String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
    ],
  ],
  [
    'qwen2',
    [
      String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
    ],
  ],
]);

/** Names under which instruction-tuned decoders end a turn; a file names only one of them as its end of text. */
const endOfTurnNames = ['<|im_end|>', '<|eot_id|>', '<|end_of_text|>', '<|endoftext|>', '<|end|>', '</s>'];

/** The tokenizer of a GGUF file, in Hugging Face's form. */
export function ggufTokenizerFiles(gguf: GgufFile, config: DecoderConfig): TokenizerFiles {
  const tokens = gguf.strings('tokenizer.ggml.tokens');
  if (tokens.length > config.vocab_size) {
    throw gguf.file.invalid(
      `tokenizer.ggml.tokens has ${tokens.length} tokens, the embedding table ${config.vocab_size}`,
    );
  }
  const kinds = gguf.optionalNumbers('tokenizer.ggml.token_type') ?? tokens.map(() => 1);
  if (kinds.length !== tokens.length)
    throw gguf.file.invalid('tokenizer.ggml.token_type is not as long as tokenizer.ggml.tokens');
  const addBos = gguf.optionalBoolean('tokenizer.ggml.add_bos_token') ?? false;
  const bos = tokenAt(tokens, config.bos_token_id);
  return {
    tokenizer: byteLevelTokenizer(
      gguf,
      tokens,
      kinds,
      addBos && bos !== null ? { id: config.bos_token_id ?? 0, content: bos } : null,
    ),
    tokenizerConfig: {
      tokenizer_class: 'PreTrainedTokenizerFast',
      add_bos_token: addBos,
      bos_token: bos,
      eos_token: tokenAt(tokens, firstOf(config.eos_token_id)),
      pad_token: tokenAt(tokens, config.pad_token_id),
      unk_token: tokenAt(tokens, gguf.optionalNumber('tokenizer.ggml.unknown_token_id')),
      clean_up_tokenization_spaces: false,
      model_max_length: config.max_position_embeddings,
      chat_template: gguf.optionalString('tokenizer.chat_template') ?? null,
    },
    generationConfig: {
      bos_token_id: config.bos_token_id ?? null,
      eos_token_id: endIds(gguf, tokens, kinds, config),
      pad_token_id: config.pad_token_id ?? null,
    },
  };
}

function byteLevelTokenizer(
  gguf: GgufFile,
  tokens: readonly string[],
  kinds: readonly number[],
  bos: { id: number; content: string } | null,
): unknown {
  const model = gguf.string('tokenizer.ggml.model');
  const pre = gguf.optionalString('tokenizer.ggml.pre') ?? 'gpt-2';
  const patterns = preTokenizers.get(pre);
  if (model !== 'gpt2' || patterns === undefined) {
    throw new AnchorageError(
      'unsupported',
      `${gguf.file.path} has a tokenizer of the kind "${model}", cut "${pre}", which cannot be converted.`,
      `Known are byte-level tokenizers ("gpt2") cut as ${[...preTokenizers.keys()].join(', ')}. A folder with tokenizer.json works too.`,
    );
  }
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens(tokens, kinds),
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        ...patterns.map((pattern) => ({
          type: 'Split',
          pattern: { Regex: pattern },
          behavior: 'Isolated',
          invert: false,
        })),
        byteLevel,
      ],
    },
    post_processor: bos === null ? null : startingWith(bos),
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: pre === 'llama-bpe',
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: readMerges(gguf),
    },
  };
}

function addedTokens(tokens: readonly string[], kinds: readonly number[]): unknown[] {
  return tokens.flatMap((content, id) => {
    const kind = kinds[id];
    if (kind !== controlToken && kind !== userDefinedToken) return [];
    const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };
    return [{ id, content, ...flags, special: kind === controlToken }];
  });
}

function readMerges(gguf: GgufFile): [string, string][] {
  return gguf.strings('tokenizer.ggml.merges').map((merge, index) => {
    // The first symbol may itself be a space in no byte-level vocabulary: a space is written as Ġ there.
    const space = merge.indexOf(' ', 1);
    if (space < 0) throw gguf.file.invalid(`tokenizer.ggml.merges[${index}] is not two symbols`);
    return [merge.slice(0, space), merge.slice(space + 1)];
  });
}

function startingWith(bos: { id: number; content: string }): unknown {
  const first = { SpecialToken: { id: bos.content, type_id: 0 } };
  return {
    type: 'TemplateProcessing',
    single: [first, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [first, { Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: { [bos.content]: { id: bos.content, ids: [bos.id], tokens: [bos.content] } },
  };
}

function endIds(gguf: GgufFile, tokens: readonly string[], kinds: readonly number[], config: DecoderConfig): number[] {
  const ids = new Set<number>();
  const declared = [firstOf(config.eos_token_id), gguf.optionalNumber('tokenizer.ggml.eot_token_id')];
  for (const id of declared) if (tokenAt(tokens, id) !== null && typeof id === 'number') ids.add(id);
  tokens.forEach((token, id) => {
    if (kinds[id] === controlToken && endOfTurnNames.includes(token)) ids.add(id);
  });
  return [...ids];
}

function firstOf(ids: number | readonly number[] | null | undefined): number | undefined {
  return typeof ids === 'number' ? ids : ids?.[0];
}

function tokenAt(tokens: readonly string[], id: number | null | undefined): string | null {
  return typeof id === 'number' ? (tokens[id] ?? null) : null;
}
