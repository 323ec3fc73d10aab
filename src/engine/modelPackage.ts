import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { anchorConfigSchema, type AnchorConfig } from '../protocol/anchorConfig.ts';
import { decoderConfigSchema, type DecoderConfig } from '../protocol/decoderConfig.ts';
import { AnchorageError, messageOf } from '../protocol/errors.ts';
import {
  packageFormatVersion,
  packageManifestSchema,
  type PackageManifest,
  type Variant,
} from '../protocol/packageManifest.ts';
import { chatTemplateSchema, PromptLayout } from './promptLayout.ts';
import { PackageFiles } from './packageFiles.ts';
import { ModelTokenizer, tokenizerJsonSchema } from './tokenizer.ts';

const manifestName = 'anchorage_package.json';
const graphFolder = 'onnx/';
const needed = ['config.json', 'anchor_config.json', 'tokenizer.json', 'tokenizer_config.json'];
const versionSchema = z.looseObject({ format_version: z.int() });
const generationConfigSchema = z.looseObject({ eos_token_id: z.union([z.int(), z.array(z.int())]).nullish() });

/** A validated package: everything but the graphs is in memory. */
export interface ModelPackage {
  readonly folder: string;
  readonly name: string;
  /** SHA-256 of the manifest, which holds every file's: identifies the package, for what is stored about its anchors. */
  readonly fingerprint: string;
  readonly variants: readonly Variant[];
  /** What the manifest lists, for the check of a graph when it is loaded. */
  readonly files: PackageManifest['files'];
  readonly config: DecoderConfig;
  /** As declared, but for `max_sequence_tokens`, which is what fits the window where that is less. */
  readonly anchors: AnchorConfig;
  readonly tokenizer: ModelTokenizer;
  readonly layout: PromptLayout;
  /** Ids that end an answer. */
  readonly endIds: ReadonlySet<number>;
}

/**
 * Opens a package folder and checks it: manifest, size and SHA-256 of every listed file, the configs, the tokenizer
 * and the chat template. Of graphs and weights, which are large, the size alone is looked at unless `graphs` says
 * otherwise: `verifyGraph` hashes those that are loaded.
 *
 * @throws AnchorageError `modelMissing`, `fileUnreadable`, `fileInvalid`, `fileAltered` or `versionMismatch`; the
 *   message names the file, and the field where there is one.
 */
export async function loadPackage(
  folder: string,
  options: { readonly graphs?: 'sizes' | 'hashes' } = {},
): Promise<ModelPackage> {
  const files = await PackageFiles.open(folder);
  const manifest = await readManifest(files);
  await files.verify(manifest.files, 'sizes');
  const isHashed = ({ path }: { readonly path: string }): boolean => {
    return options.graphs === 'hashes' || !path.startsWith(graphFolder);
  };
  await files.verify(manifest.files.filter(isHashed), 'hashes');

  const config = await files.json('config.json', decoderConfigSchema);
  const anchors = await files.json('anchor_config.json', anchorConfigSchema);
  checkAnchors(anchors, config);
  if (anchors.choices.includes('learned') && !hasScorer(manifest)) {
    throw new AnchorageError(
      'fileInvalid',
      `anchor_config.json: choices: learned needs ${scorerPath}, which is not listed.`,
      'Convert the model again.',
    );
  }

  const tokenizerJson = await files.json('tokenizer.json', tokenizerJsonSchema);
  const added = anchors.scheme === 'AC' ? Math.max(...anchors.anchor_token_ids) + 1 : 0;
  const vocabulary = Math.max(config.vocab_size, added);
  const tokenizer = checked('tokenizer.json', () => new ModelTokenizer(tokenizerJson).checkedAgainst(vocabulary));
  const template = await files.json('tokenizer_config.json', chatTemplateSchema);
  const layout = checked('tokenizer_config.json: chat_template', () => new PromptLayout(tokenizer, template));

  const endIds = new Set([...idList(config.eos_token_id), ...layout.endIds]);
  if (manifest.files.some((file) => file.path === 'generation_config.json')) {
    const generation = await files.json('generation_config.json', generationConfigSchema);
    for (const id of idList(generation.eos_token_id)) endIds.add(id);
  }
  const fingerprint = createHash('sha256').update(await readFile(await files.path(manifestName)));
  return {
    folder: files.folder,
    name: manifest.name,
    fingerprint: fingerprint.digest('hex'),
    variants: manifest.variants,
    files: manifest.files,
    config,
    anchors: { ...anchors, max_sequence_tokens: longestSequence(anchors, config, layout) },
    tokenizer,
    layout,
    endIds,
  };
}

/** Path of a variant's graph inside a package, with forward slashes. */
export function graphPath(variant: Variant): string {
  return `${graphFolder}model_${variant}.onnx`;
}

/** Path of a variant's graph for devices, which has the same weights. */
export function gqaGraphPath(variant: Variant): string {
  return `${graphFolder}model_gqa_${variant}.onnx`;
}

/** Path of the scorer of the choice `learned`, which is the same for every variant. */
export const scorerPath = `${graphFolder}scorer.onnx`;

/** Whether a package has a learned scorer. */
export function hasScorer({ files }: Pick<ModelPackage, 'files'>): boolean {
  return files.some(({ path }) => path === scorerPath);
}

/** The graphs that move rows of keys and values on a device, the same for every variant. */
export const deviceGraphNames = ['allocate', 'resize', 'read', 'write', 'keep', 'scores'] as const;
export type DeviceGraphName = (typeof deviceGraphNames)[number];

export function deviceGraphPath(name: DeviceGraphName): string {
  return `${graphFolder}device_${name}.onnx`;
}

/** Whether a variant of a package can run on a device: packages of older versions have no graph for one. */
export function hasDeviceGraph({ files }: Pick<ModelPackage, 'files'>, variant: Variant): boolean {
  const listed = new Set(files.map(({ path }) => path));
  return [gqaGraphPath(variant), ...deviceGraphNames.map(deviceGraphPath)].every((path) => listed.has(path));
}

/**
 * Hashes a variant's graph and weights, with `onDevice` its graphs for devices in place of the first, and the scorer.
 *
 * @throws AnchorageError `fileAltered`, which names the file.
 */
export async function verifyGraph({ folder, files }: ModelPackage, variant: Variant, onDevice = false): Promise<void> {
  const weights = `${graphPath(variant)}_data`;
  const graphs: readonly string[] = onDevice
    ? [gqaGraphPath(variant), ...deviceGraphNames.map(deviceGraphPath)]
    : [graphPath(variant)];
  const isWanted = (path: string): boolean =>
    graphs.includes(path) || path.startsWith(weights) || path.startsWith(scorerPath);
  const ofVariant = files.filter(({ path }) => isWanted(path));
  await (await PackageFiles.open(folder)).verify(ofVariant, 'hashes');
}

async function readManifest(files: PackageFiles): Promise<PackageManifest> {
  const { format_version: version } = await files.json(manifestName, versionSchema);
  if (version !== packageFormatVersion) {
    throw new AnchorageError(
      'versionMismatch',
      `${manifestName}: format_version is ${version}; this version of Anchorage reads ${packageFormatVersion}.`,
      version > packageFormatVersion ? 'Update Anchorage.' : 'Convert the model again.',
    );
  }
  const manifest = await files.json(manifestName, packageManifestSchema);
  const listed = new Set(manifest.files.map((file) => file.path));
  for (const name of [...needed, ...manifest.variants.map(graphPath)]) {
    if (!listed.has(name)) {
      throw new AnchorageError(
        'fileInvalid',
        `${manifestName}: files: ${name} is not listed.`,
        'Convert the model again.',
      );
    }
  }
  return manifest;
}

function checkAnchors(anchors: AnchorConfig, config: DecoderConfig): void {
  const invalid = (problem: string): AnchorageError =>
    new AnchorageError('fileInvalid', `anchor_config.json: anchor_token_ids: ${problem}.`, 'Convert the model again.');
  const ids = anchors.anchor_token_ids;
  switch (anchors.scheme) {
    case 'AC':
      if (ids.length === 0) throw invalid('scheme AC needs the id of its added token');
      // An adapter adds its tokens after the vocabulary; a decoder that was itself trained with anchors has them in it.
      if (ids.some((id) => id < config.vocab_size) && ids.some((id) => id >= config.vocab_size))
        throw invalid('they stand partly in the vocabulary and partly after it');
      return;
    case 'EP':
      if (ids.length === 0) throw invalid('scheme EP needs the ids of its endpoint tokens');
      if (ids.some((id) => id >= config.vocab_size)) throw invalid('an endpoint token is not in the vocabulary');
      return;
    case 'mark':
    case 'select':
      if (ids.length > 0) throw invalid(`scheme ${anchors.scheme} has none`);
  }
}

/**
 * Longest sequence that can be sealed in this window, whatever the package declares: scoring reads it twice, after the
 * prefix and with a request between the copies, and `AC` at a ratio of 1 adds as many anchors as it has tokens.
 */
function longestSequence(anchors: AnchorConfig, config: DecoderConfig, layout: PromptLayout): number {
  const around = layout.pinned().length + layout.repeatRequest().length;
  const longest = Math.floor((config.max_position_embeddings - around) / 2);
  if (longest >= 1) return Math.min(anchors.max_sequence_tokens, longest);
  throw new AnchorageError(
    'unsupported',
    `config.json: max_position_embeddings: ${config.max_position_embeddings} positions leave no room for text beside the ${around} tokens of the chat template.`,
    'Use a model with a larger window.',
  );
}

function checked<T>(name: string, build: () => T): T {
  try {
    return build();
  } catch (error) {
    if (AnchorageError.is(error)) throw error;
    throw new AnchorageError('fileInvalid', `${name}: ${messageOf(error)}.`, 'Convert the model again.', {
      cause: error,
    });
  }
}

function idList(ids: number | readonly number[] | null | undefined): readonly number[] {
  return typeof ids === 'number' ? [ids] : (ids ?? []);
}
