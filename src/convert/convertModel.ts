import { createHash } from 'node:crypto';
import { existsSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { AnchorConfig } from '../protocol/anchorConfig.ts';
import type { DecoderConfig } from '../protocol/decoderConfig.ts';
import { AnchorageError } from '../protocol/errors.ts';
import { packageManifestSchema, type Variant } from '../protocol/packageManifest.ts';
import { Adapter } from './adapter.ts';
import { Calibration } from './calibration.ts';
import { variantFormats, withTablePositions } from './decoderGraph.ts';
import { checkTensors } from './expectedTensors.ts';
import { GgufSource } from './ggufSource.ts';
import { MergedWeights } from './mergedWeights.ts';
import { holdsPackage, PackageFolder, type PackageIdentity } from './packageFolder.ts';
import { SafetensorsSource } from './safetensorsSource.ts';
import { buildScorerGraph } from './scorerGraph.ts';
import { trainedAnchors, type TrainedScheme } from './trainedAnchors.ts';
import { checkVariants, momentsGraph, writeDeviceGraphs, writeSmallGraph, writeVariant } from './variantFiles.ts';
import { verifyVariants, type VariantReport } from './verifyVariants.ts';
import type { WeightSource } from './weightSource.ts';

/** Changes with anything but the formats of the variants that makes the same inputs give another package. */
export const converterVersion = 'anchorage-convert 4';

export interface ConvertProgress {
  readonly phase: 'read' | 'build' | 'verify' | 'write';
  readonly variant?: Variant;
  readonly done: number;
  readonly total: number;
}

export interface ConvertOptions {
  /** A .gguf file, or a folder with config.json, tokenizer.json and safetensors files. */
  readonly source: string;
  /** An adapter trained on that decoder; null: any decoder, with anchors merely selected. */
  readonly adapterFolder: string | null;
  /** Without an adapter: the scheme that the decoder was itself trained with. Undefined: anchors are merely selected. */
  readonly trainedScheme?: TrainedScheme | undefined;
  readonly outputFolder: string;
  readonly variants: readonly Variant[];
  readonly name: string;
  /** Builds the package even where one from the same inputs lies there. */
  readonly rebuild?: boolean;
  readonly onProgress?: (progress: ConvertProgress) => void;
  readonly signal?: AbortSignal;
}

export interface ConvertResult {
  /** Whether the package was there already, built from the same inputs. */
  readonly unchanged: boolean;
  readonly warnings: readonly string[];
  /** How far each variant's logits are from the reference; empty when unchanged. */
  readonly reports: readonly VariantReport[];
}

/**
 * Turns a decoder (and an adapter) into a package that the engine runs.
 *
 * The fp32 graph is always built, as the reference that the others are checked against, and kept only when asked for.
 *
 * @throws AnchorageError naming the file and the field; `cancelled` when stopped. Either way `outputFolder` is as it was before.
 */
export async function convertModel(options: ConvertOptions): Promise<ConvertResult> {
  const { outputFolder, signal, onProgress } = options;
  if (options.variants.length === 0)
    throw new AnchorageError('invalidInput', 'No variant was asked for.', 'Ask for fp32, int8 or int4.');
  if (!packageManifestSchema.shape.name.safeParse(options.name).success) {
    throw new AnchorageError(
      'invalidInput',
      `${JSON.stringify(options.name)} cannot be the name of a package.`,
      'Give one of letters, digits, dots, dashes and underscores (--name), at most 128 of them.',
    );
  }
  if (options.trainedScheme !== undefined && options.adapterFolder !== null) {
    throw new AnchorageError(
      'invalidInput',
      'An adapter has anchors of its own: a scheme cannot be chosen beside it.',
      'Leave out --scheme, or --adapter for a decoder that was itself trained with anchors.',
    );
  }
  onProgress?.({ phase: 'read', done: 0, total: 1 });
  const source = openSource(options.source);
  let adapter: Adapter | null = null;
  let folder: PackageFolder | null = null;
  let calibration: Calibration | undefined;
  try {
    const config = withTablePositions(source.config);
    checkTensors(source.path, config, source.shapes);
    checkVariants(source.path, config, options.variants);
    adapter = options.adapterFolder === null ? null : Adapter.open(options.adapterFolder);
    adapter?.checkAgainst(source.shapes);
    const baseSha256 = source.sha256();
    const identity = identify(options, baseSha256);
    const warnings = adapter ? adapterWarnings(adapter, baseSha256) : [];
    if (options.rebuild !== true && holdsPackage(outputFolder, identity))
      return { unchanged: true, warnings, reports: [] };

    folder = PackageFolder.begin(outputFolder);
    const tokenizer = source.tokenizerFiles();
    folder.writeJson('config.json', huggingFaceConfig(config));
    folder.writeJson('tokenizer.json', tokenizer.tokenizer);
    folder.writeJson('tokenizer_config.json', tokenizer.tokenizerConfig);
    folder.writeJson('generation_config.json', tokenizer.generationConfig);
    folder.writeJson('anchor_config.json', {
      ...declaredAnchors(options, adapter, config, tokenizer.tokenizer),
      base: { name: adapter?.anchorConfig.base.name ?? options.name, sha256: baseSha256 },
      adapter: adapter && { sha256: adapter.sha256 },
    });
    const weights = new MergedWeights(source, config, adapter);
    const graphs = join(folder.path, 'onnx');
    const built = [...new Set<Variant>(['fp32', ...options.variants])];
    for (const [index, variant] of built.entries()) {
      const onLayer = (layer: number) =>
        onProgress?.({
          phase: 'build',
          variant,
          done: index * config.num_hidden_layers + layer + 1,
          total: built.length * config.num_hidden_layers,
        });
      const forDevices = options.variants.includes(variant);
      const momentsFor = variant === 'fp32' && options.variants.includes('int4') ? variantFormats.int4 : undefined;
      const buildOptions = { producer: converterVersion, forDevices, signal, onLayer, calibration, momentsFor };
      await writeVariant(graphs, variant, weights, buildOptions);
      if (momentsFor === undefined) continue;
      calibration = await Calibration.measure(join(graphs, momentsGraph), weights, tokenizer, signal);
      rmSync(join(graphs, momentsGraph));
    }
    writeDeviceGraphs(graphs, config, converterVersion);
    const scorer = adapter?.scorer(config) ?? null;
    if (scorer !== null) {
      writeSmallGraph(graphs, 'scorer', converterVersion, (graph) => buildScorerGraph(graph, config, scorer));
    }
    const onVerified = (variant: Variant, done: number) =>
      onProgress?.({ phase: 'verify', variant, done, total: built.length });
    const reports = await verifyVariants(graphs, built, weights, tokenizer, { signal, onVerified });
    if (!options.variants.includes('fp32')) folder.removeVariant('fp32');
    onProgress?.({ phase: 'write', done: 0, total: 1 });
    folder.finish(identity);
    return { unchanged: false, warnings, reports };
  } catch (error) {
    folder?.discard();
    if (signal?.aborted) throw new AnchorageError('cancelled', 'The conversion was stopped.', '', { cause: error });
    throw error;
  } finally {
    await calibration?.close();
    adapter?.close();
    source.close();
  }
}

function openSource(path: string): WeightSource {
  if (!existsSync(path))
    throw new AnchorageError(
      'fileUnreadable',
      `${path} does not exist.`,
      'Give a .gguf file, or a folder with safetensors files.',
    );
  return statSync(path).isDirectory() ? new SafetensorsSource(path) : new GgufSource(path);
}

/** What decides the content of a package, as one hash. */
function identify(
  { adapterFolder, trainedScheme, name, variants }: ConvertOptions,
  baseSha256: string,
): PackageIdentity {
  const hash = createHash('sha256').update(`${converterVersion}\n${JSON.stringify(variantFormats)}\n${baseSha256}\n`);
  if (trainedScheme !== undefined) hash.update(`scheme ${trainedScheme}\n`);
  if (adapterFolder !== null) {
    for (const file of Adapter.hashes(adapterFolder)) hash.update(`${file}\n`);
  }
  return { name, createdBy: converterVersion, variants, inputsSha256: hash.digest('hex') };
}

function adapterWarnings(adapter: Adapter, baseSha256: string): string[] {
  const trainedOn = adapter.anchorConfig.base;
  if (trainedOn.sha256 === baseSha256) return [];
  return [
    `The adapter was trained on another file of ${trainedOn.name}: if it is not the same decoder, its answers will be poor.`,
  ];
}

function declaredAnchors(
  { trainedScheme, source }: ConvertOptions,
  adapter: Adapter | null,
  config: DecoderConfig,
  tokenizer: unknown,
): Omit<AnchorConfig, 'base' | 'adapter'> {
  if (adapter) return adapter.anchorConfig;
  if (trainedScheme !== undefined) return trainedAnchors(trainedScheme, tokenizer, config, source);
  return {
    format_version: 1,
    scheme: 'select',
    anchor_token_ids: [],
    choice: 'window',
    choices: ['stride', 'window', 'attention'],
    // Untrained decoders lose much more than adapted ones at high ratios.
    ratio: 4,
    ratios: [2, 4, 8],
    anchors_see_anchors: true,
    positions: 'cache',
    independent_chunks: true,
    max_sequence_tokens: Math.min(256, config.max_position_embeddings),
  };
}

const architectures: Readonly<Record<DecoderConfig['model_type'], string>> = {
  llama: 'LlamaForCausalLM',
  mistral: 'MistralForCausalLM',
  qwen2: 'Qwen2ForCausalLM',
  qwen3: 'Qwen3ForCausalLM',
};

function huggingFaceConfig(config: DecoderConfig): object {
  return { architectures: [architectures[config.model_type]], ...config, hidden_act: 'silu' };
}
