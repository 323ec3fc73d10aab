import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readHuggingFaceConfig } from '../../../src/convert/huggingFaceConfig.ts';
import { outputError } from '../../../src/convert/outputError.ts';
import type { DecoderConfig } from '../../../src/protocol/decoderConfig.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { temporaryFolder } from './temporaryFolder.ts';

/** As Llama's configurations are written: some fields are left to their defaults, others are null. */
const written = {
  model_type: 'llama',
  architectures: ['LlamaForCausalLM'],
  hidden_size: 128,
  num_hidden_layers: 2,
  num_attention_heads: 8,
  intermediate_size: 256,
  vocab_size: 1000,
  rms_norm_eps: 1e-6,
  max_position_embeddings: 4096,
  rope_scaling: null,
  torch_dtype: 'bfloat16',
};

describe("a Hugging Face folder's config.json", () => {
  const folder = temporaryFolder();

  function read(changes: Record<string, unknown> = {}): DecoderConfig {
    const path = join(folder(), 'config.json');
    writeFileSync(path, JSON.stringify({ ...written, ...changes }));
    return readHuggingFaceConfig(path);
  }

  it('is read with the defaults of its family', () => {
    const { head_dim, num_key_value_heads, rope_theta, tie_word_embeddings, attention_bias } = read();
    assert.deepEqual(
      { head_dim, num_key_value_heads, rope_theta, tie_word_embeddings, attention_bias },
      { head_dim: 16, num_key_value_heads: 8, rope_theta: 10_000, tie_word_embeddings: false, attention_bias: false },
    );
  });

  it('may keep its rotary parameters in the older or the newer place', () => {
    assert.deepEqual(read({ rope_scaling: { type: 'linear', factor: 2 } }).rope_scaling, {
      rope_type: 'linear',
      factor: 2,
    });
    const newer = read({ rope_parameters: { rope_type: 'default', rope_theta: 500_000 } });
    assert.equal(newer.rope_theta, 500_000);
    assert.deepEqual(newer.rope_scaling, { rope_type: 'default' });
  });

  it('promises no more positions than its sliding window, where that is in use', () => {
    assert.equal(read({ model_type: 'mistral', sliding_window: 1024 }).max_position_embeddings, 1024);
    assert.equal(
      read({ model_type: 'qwen2', sliding_window: 1024, use_sliding_window: false }).max_position_embeddings,
      4096,
    );
  });

  it('has biases for Qwen2, which its file does not say', () => {
    assert.equal(read({ model_type: 'qwen2' }).attention_bias, true);
  });

  const refusals: [string, Record<string, unknown>, RegExp][] = [
    ['an unknown architecture', { model_type: 'gpt_neox' }, /"gpt_neox"/],
    ['another activation', { hidden_act: 'gelu' }, /"gelu"/],
    ['biases in its feed-forward layers', { mlp_bias: true }, /feed-forward/],
    ['positions scaled in another way', { rope_scaling: { rope_type: 'yarn', factor: 4 } }, /rope_scaling\.rope_type/],
    ['heads that the keys do not divide', { num_key_value_heads: 3 }, /num_key_value_heads/],
    ['no layers', { num_hidden_layers: 0 }, /num_hidden_layers/],
    ['a text for a number', { hidden_size: '128' }, /hidden_size/],
  ];
  for (const [name, changes, message] of refusals) {
    it(`is refused with ${name}, naming the field`, () => {
      assert.throws(
        () => read(changes),
        (error) => AnchorageError.is(error) && message.test(error.message),
      );
    });
  }

  it('is refused when it is not JSON', () => {
    const path = join(folder(), 'config.json');
    writeFileSync(path, '{"model_type":');
    assert.throws(
      () => readHuggingFaceConfig(path),
      (error) => AnchorageError.is(error, 'fileInvalid') && error.message.includes(path),
    );
  });
});

describe('an output that cannot be written', () => {
  const cases: [string, RegExp][] = [
    ['ENOSPC', /disk is full/],
    ['EROFS', /permission denied/],
    ['EIO', /cannot be written: broken/],
  ];
  for (const [code, message] of cases) {
    it(`says why after ${code}`, () => {
      const error = outputError('model.onnx', Object.assign(new Error('broken'), { code }));
      assert.equal(error.reason, 'storageUnavailable');
      assert.match(error.message, message);
      assert.notEqual(error.remedy, '');
    });
  }
});
