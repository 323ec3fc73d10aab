import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { z } from 'zod';
import { GgufSource } from '../../../src/convert/ggufSource.ts';
import type { TokenizerFiles } from '../../../src/convert/weightSource.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { ggufBytes, tinyMetadata } from './ggufWriter.ts';
import { temporaryFolder } from './temporaryFolder.ts';
import { tinyDecoder, tinyTemplate, tinyVocabulary } from './tinyDecoder.ts';

const decoder = tinyDecoder();
const objectSchema = z.record(z.string(), z.unknown());

describe('the tokenizer of a GGUF file', () => {
  const folder = temporaryFolder();

  function files(changes: Parameters<typeof ggufBytes>[0] = {}): TokenizerFiles {
    const path = join(folder(), 'tiny.gguf');
    const table = {
      name: 'token_embd.weight',
      shape: [tinyVocabulary.length, 64],
      values: new Float32Array(tinyVocabulary.length * 64),
    };
    writeFileSync(path, ggufBytes({ ...tinyMetadata(decoder), ...changes }, [table]));
    const source = new GgufSource(path);
    try {
      return source.tokenizerFiles();
    } finally {
      source.close();
    }
  }

  function tokens(text: string, changes?: Parameters<typeof ggufBytes>[0]): (string | undefined)[] {
    const { tokenizer, tokenizerConfig } = files(changes);
    const loaded = new Tokenizer(objectSchema.parse(tokenizer), objectSchema.parse(tokenizerConfig));
    const { ids } = loaded.encode(text, { add_special_tokens: false });
    assert.equal(loaded.decode(ids, { skip_special_tokens: false, clean_up_tokenization_spaces: false }), text);
    return ids.map((id) => tinyVocabulary[id]);
  }

  const cases: [string, string[]][] = [
    ['the other', ['th', 'e', 'Ġ', 'o', 'th', 'er']],
    ['in the', ['in', 'Ġthe']],
    ["it's 12", ['i', 't', "'", 's', 'Ġ', '1', '2']],
    ['a\n\n b', ['a', 'Ċ', 'Ċ', 'Ġ', 'b']],
    ['é', ['Ã', '©']],
    ['🦊', ['ð', 'Ł', '¦', 'Ĭ']],
    ['<|im_start|>x<|im_end|>', ['<|im_start|>', 'x', '<|im_end|>']],
  ];
  for (const [text, expected] of cases) {
    it(`cuts ${JSON.stringify(text)} as its merges say, and restores it`, () =>
      assert.deepEqual(tokens(text), expected));
  }

  for (const pre of ['gpt-2', 'llama-bpe', 'qwen2', 'smollm']) {
    it(`restores tricky texts when it cuts as ${pre}`, () => {
      for (const text of [' ', '\r\n', '\t tab', '١٢٣ ½', 'ﬁ e\u0301', "WE'LL don't", 'a'.repeat(300), '👩‍👩‍👧']) {
        assert.ok(tokens(text, { 'tokenizer.ggml.pre': pre }).length > 0);
      }
    });
  }

  it('merges no digits into numbers for smollm', () => {
    assert.deepEqual(tokens('2024'), ['2', '0', '2', '4']);
  });

  it('carries the chat template and every token that ends a turn', () => {
    const { tokenizerConfig, generationConfig } = files({ 'tokenizer.ggml.eos_token_id': 0 });
    assert.equal(objectSchema.parse(tokenizerConfig)['chat_template'], tinyTemplate);
    assert.deepEqual(objectSchema.parse(generationConfig)['eos_token_id'], [0, 2]);
  });

  const refusals: [string, Parameters<typeof ggufBytes>[0], RegExp][] = [
    ['an unknown kind', { 'tokenizer.ggml.model': 'bert' }, /kind "bert"/],
    ['an unknown way of cutting', { 'tokenizer.ggml.pre': 'klingon' }, /cut "klingon"/],
    ['merges of one symbol', { 'tokenizer.ggml.merges': ['ab'] }, /merges\[0\] is not two symbols/],
    ['too few token types', { 'tokenizer.ggml.token_type': [1, 1] }, /token_type is not as long/],
    [
      'more tokens than rows',
      { 'tokenizer.ggml.tokens': [...tinyVocabulary, 'x'] },
      /has 266 tokens|tokens, the embedding table/,
    ],
  ];
  for (const [name, changes, message] of refusals) {
    it(`is refused with ${name}`, () =>
      assert.throws(
        () => files(changes),
        (error) => AnchorageError.is(error) && message.test(error.message),
      ));
  }
});
