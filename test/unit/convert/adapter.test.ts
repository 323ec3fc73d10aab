import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Adapter } from '../../../src/convert/adapter.ts';
import { unpermute } from '../../../src/convert/ggufSource.ts';
import { addLora } from '../../../src/convert/loraFile.ts';
import { frequencyFactors } from '../../../src/convert/ropeTable.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { writeAdapter } from './adapterWriter.ts';
import { temporaryFolder } from './temporaryFolder.ts';
import { safetensorsBytes, tinyConfig, tinyDecoder } from './tinyDecoder.ts';

const decoder = tinyDecoder();

describe('Adapter', () => {
  const folder = temporaryFolder();

  function use(): void {
    const adapter = Adapter.open(folder());
    try {
      adapter.checkAgainst(decoder.shapes);
      adapter.anchorEmbedding(decoder.config);
      adapter.scorer(decoder.config);
    } finally {
      adapter.close();
    }
  }

  function edit(name: string, changes: Record<string, unknown>): void {
    const path = join(folder(), name);
    const found: unknown = JSON.parse(readFileSync(path, 'utf8'));
    assert.ok(typeof found === 'object');
    writeFileSync(path, JSON.stringify({ ...found, ...changes }));
  }

  const refusals: [string, () => void, RegExp][] = [
    [
      'another kind of adapter',
      () => edit('adapter_config.json', { peft_type: 'LOHA' }),
      /adapter_config\.json: peft_type/,
    ],
    [
      'a rank that its tensors do not have',
      () => edit('adapter_config.json', { r: 8 }),
      /lora_[AB]\.weight is .* the decoder needs/,
    ],
    ['weight-decomposed matrices', () => edit('adapter_config.json', { use_dora: true }), /use_dora/],
    [
      'scales of single matrices',
      () => edit('adapter_config.json', { alpha_pattern: { q_proj: 64 } }),
      /alpha_pattern/,
    ],
    ['ranks of single matrices', () => edit('adapter_config.json', { rank_pattern: { q_proj: 8 } }), /rank_pattern/],
    ['a changed decoder', () => edit('adapter_config.json', { init_lora_weights: 'pissa' }), /init_lora_weights/],
    ['layers used twice', () => edit('adapter_config.json', { layer_replication: [[0, 2]] }), /layer_replication/],
    ['an unknown scheme', () => edit('anchor_config.json', { scheme: 'EQ' }), /anchor_config\.json: scheme/],
    ['a ratio outside its list', () => edit('anchor_config.json', { ratio: 3 }), /ratio: is not one of ratios/],
    [
      'a LoRA on anchors alone, where no token is marked as one',
      () => {
        mkdirSync(join(folder(), 'anchors'));
        edit('anchor_config.json', { scheme: 'AC', anchor_token_ids: [128] });
      },
      /anchors: a LoRA on anchors alone is for the scheme mark; anchor_config\.json says AC/,
    ],
    [
      'a LoRA on anchors alone that lacks its tensors',
      () => {
        mkdirSync(join(folder(), 'anchors'));
        copyFileSync(join(folder(), 'adapter_config.json'), join(folder(), 'anchors', 'adapter_config.json'));
      },
      /anchors\/adapter_model\.safetensors/,
    ],
    [
      'one of two LoRAs that does not fit',
      () => {
        writeAdapter(join(folder(), 'anchors'), decoder);
        edit('anchors/adapter_config.json', { r: 8 });
      },
      /anchors\/adapter_model\.safetensors: the tensor .*lora_[AB]\.weight is .* the decoder needs/,
    ],
    [
      'no LoRA at all',
      () => {
        rmSync(join(folder(), 'adapter_config.json'));
        rmSync(join(folder(), 'adapter_model.safetensors'));
      },
      /adapter_config\.json does not exist/,
    ],
    [
      'no anchor embedding',
      () => rmSync(join(folder(), 'anchor_embedding.safetensors')),
      /anchor_embedding\.safetensors/,
    ],
    [
      'an embedding of another width',
      () => writeFileSync(join(folder(), 'anchor_embedding.safetensors'), single('anchor_embedding.weight', [1, 8])),
      /is 1 x 8; it must be 1 x 64/,
    ],
    [
      'a choice by a scorer that is not there',
      () => edit('anchor_config.json', { choices: ['window', 'learned'] }),
      /anchor_scorer\.safetensors/,
    ],
    [
      'a scorer of another decoder',
      () => {
        edit('anchor_config.json', { choices: ['window', 'learned'] });
        writeFileSync(join(folder(), 'anchor_scorer.safetensors'), single('hidden.bias', [4]));
      },
      /anchor_scorer\.safetensors: hidden\.weight is missing; the decoder needs 4 x \d+/,
    ],
    [
      'a scorer where no token is marked',
      () => edit('anchor_config.json', { scheme: 'AC', anchor_token_ids: [128], choices: ['window', 'learned'] }),
      /choices: learned is for the scheme mark; scheme is AC/,
    ],
    [
      'a tensor of a layer that is not there',
      () =>
        writeFileSync(
          join(folder(), 'adapter_model.safetensors'),
          single('base_model.model.model.layers.9.mlp.up_proj.lora_A.weight', [4, 64]),
        ),
      /layers\.9.* belongs to no matrix/,
    ],
    [
      'half of a pair',
      () =>
        writeFileSync(
          join(folder(), 'adapter_model.safetensors'),
          single('base_model.model.model.layers.0.mlp.up_proj.lora_A.weight', [4, 64]),
        ),
      /lora_B\.weight is missing/,
    ],
  ];
  for (const [name, damage, message] of refusals) {
    it(`refuses ${name}, naming the file and the field`, () => {
      writeAdapter(folder(), decoder);
      assert.doesNotThrow(use);
      damage();
      assert.throws(use, (error) => AnchorageError.is(error) && message.test(error.message));
    });
  }

  it("takes PEFT's own defaults", () => {
    writeAdapter(folder(), decoder);
    const defaults = { rank_pattern: {}, alpha_pattern: {}, layer_replication: null, init_lora_weights: true };
    edit('adapter_config.json', { ...defaults, alora_invocation_tokens: null, modules_to_save: null });
    assert.doesNotThrow(use);
  });

  it('refuses added tokens that do not follow the vocabulary', () => {
    writeAdapter(folder(), decoder, { scheme: 'AC', anchor_token_ids: [7] });
    assert.throws(
      use,
      (error) => AnchorageError.is(error, 'fileInvalid') && /must follow the vocabulary/.test(error.message),
    );
  });

  function single(name: string, shape: readonly number[]): Buffer {
    const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
    return safetensorsBytes(new Map([[name, values]]), new Map([[name, shape]]));
  }
});

describe('arithmetic on weights', () => {
  it('adds scale · B · A', () => {
    const matrix = Float32Array.of(1, 2, 3, 4, 5, 6);
    addLora(matrix, 3, { a: Float32Array.of(1, 0, -1, 0, 2, 0), b: Float32Array.of(1, 1, 0, 3), rank: 2, scale: 0.5 });
    assert.deepEqual([...matrix], [1.5, 3, 2.5, 4, 8, 6]);
  });

  it('gathers the interleaved rotary rows of each head into halves, in matrices and biases', () => {
    assert.deepEqual([...unpermute(Float32Array.of(0, 2, 1, 3, 10, 12, 11, 13), 2, 4)], [0, 1, 2, 3, 10, 11, 12, 13]);
    assert.deepEqual(
      [...unpermute(Float32Array.of(0, 0.5, 2, 2.5, 1, 1.5, 3, 3.5), 1, 4)],
      [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5],
    );
  });

  it('divides the rotary frequencies as Llama 3 does: long waves by the factor, short ones not at all', () => {
    const scaling = {
      rope_type: 'llama3',
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    } as const;
    const factors = frequencyFactors({ ...tinyConfig({ head_dim: 128, rope_theta: 500_000 }), rope_scaling: scaling });
    assert.equal(factors[0], 1);
    assert.equal(factors.at(-1), 8);
    assert.ok(factors.every((factor, i) => i === 0 || factor >= (factors[i - 1] ?? 0)));
    assert.ok(factors.slice(26, 38).some((factor) => factor > 1 && factor < 8));
  });
});
