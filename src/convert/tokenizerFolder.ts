import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { DecoderConfig } from '../protocol/decoderConfig.ts';
import { AnchorageError } from '../protocol/errors.ts';
import { readJson } from './readJson.ts';
import { pytorchRemedy } from './pytorchRemedy.ts';
import type { TokenizerFiles } from './weightSource.ts';

const tokenizerSchema = z.looseObject({
  model: z.looseObject({ type: z.literal('BPE').optional(), vocab: z.record(z.string(), z.int().min(0)) }),
  added_tokens: z.array(z.looseObject({ id: z.int().min(0), content: z.string() })).default([]),
});
const tokenizerConfigSchema = z.looseObject({ chat_template: z.unknown().optional() });
const generationConfigSchema = z.looseObject({});
const longestTemplate = 1 << 20;

/** The tokenizer files of a Hugging Face folder, checked and passed on as they are. */
export function readTokenizerFolder(folder: string, config: DecoderConfig): TokenizerFiles {
  const path = join(folder, 'tokenizer.json');
  if (!existsSync(path) && existsSync(join(folder, 'tokenizer.model'))) {
    throw new AnchorageError(
      'unsupported',
      `${folder} holds its tokenizer as a SentencePiece model alone (tokenizer.model), which is not read.`,
      pytorchRemedy(folder),
    );
  }
  const tokenizer = readJson(path, tokenizerSchema);
  const highest = [...Object.values(tokenizer.model.vocab), ...tokenizer.added_tokens.map(({ id }) => id)].reduce(
    (a, b) => Math.max(a, b),
    0,
  );
  if (highest >= config.vocab_size) {
    throw new AnchorageError(
      'fileInvalid',
      `${path}: the token id ${highest} is outside the vocabulary of ${config.vocab_size}.`,
      'Fetch the decoder again.',
    );
  }
  const tokenizerConfig = readJson(join(folder, 'tokenizer_config.json'), tokenizerConfigSchema);
  const generationPath = join(folder, 'generation_config.json');
  return {
    tokenizer,
    tokenizerConfig: { ...tokenizerConfig, chat_template: chatTemplate(folder, tokenizerConfig.chat_template) },
    generationConfig: existsSync(generationPath)
      ? readJson(generationPath, generationConfigSchema)
      : defaultGeneration(config),
  };
}

/** Newer folders keep the template in a file of its own. */
function chatTemplate(folder: string, declared: unknown): string | null {
  if (typeof declared === 'string') return declared;
  const path = join(folder, 'chat_template.jinja');
  if (!existsSync(path)) return null;
  const text = readFileSync(path, 'utf8');
  if (text.length > longestTemplate)
    throw new AnchorageError('fileInvalid', `${path} is impossibly long.`, 'Fetch the decoder again.');
  return text;
}

function defaultGeneration(config: DecoderConfig): object {
  return {
    bos_token_id: config.bos_token_id ?? null,
    eos_token_id: config.eos_token_id ?? null,
    pad_token_id: config.pad_token_id ?? null,
  };
}
