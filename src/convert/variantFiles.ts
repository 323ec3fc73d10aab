import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { DecoderConfig } from '../protocol/decoderConfig.ts';
import { AnchorageError } from '../protocol/errors.ts';
import type { Variant } from '../protocol/packageManifest.ts';
import { buildDecoderGraph, variantFormats, type VariantFormat } from './decoderGraph.ts';
import type { DecoderWeights } from './decoderWeights.ts';
import { ExternalData } from './externalData.ts';
import { GraphBuilder } from './graphBuilder.ts';
import { blockSize } from './linearLayer.ts';
import { encodeModel } from './onnxModel.ts';
import { outputError } from './outputError.ts';

export interface BuildOptions {
  readonly producer: string;
  readonly format?: VariantFormat;
  readonly signal?: AbortSignal | undefined;
  readonly onLayer?: (layer: number) => void;
}

/** @throws AnchorageError `unsupported` naming the variant that a decoder of this width cannot have. */
export function checkVariants(path: string, config: DecoderConfig, wanted: readonly Variant[]): void {
  for (const variant of wanted) {
    if (variantFormats[variant].table === 'float' || config.hidden_size % blockSize === 0) continue;
    throw new AnchorageError(
      'unsupported',
      `${path}: its hidden_size of ${config.hidden_size} is no multiple of ${blockSize}, as ${variant} needs it.`,
      'Ask for fp32 alone (--variants fp32).',
    );
  }
}

/** Writes `model_{variant}.onnx` and its external data into `folder`; gives the path of the model. */
export async function writeVariant(
  folder: string,
  variant: Variant,
  weights: DecoderWeights,
  options: BuildOptions,
): Promise<string> {
  const data = new ExternalData(folder, `model_${variant}.onnx_data`);
  const path = join(folder, `model_${variant}.onnx`);
  try {
    const graph = new GraphBuilder(`decoder_${variant}`, data);
    await buildDecoderGraph(graph, weights, options.format ?? variantFormats[variant], async (layer) => {
      options.onLayer?.(layer);
      // Lets a stop request in: everything else here runs without a pause.
      await setImmediate();
      options.signal?.throwIfAborted();
    });
    writeFileSync(path, encodeModel(graph.model(options.producer)), { flag: 'wx' });
  } catch (error) {
    throw error instanceof Error && 'syscall' in error ? outputError(path, error) : error;
  } finally {
    data.close();
  }
  return path;
}
