import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Variant } from '../protocol/packageManifest.ts';
import { buildDecoderGraph, variantFormats, type VariantFormat } from './decoderGraph.ts';
import type { DecoderWeights } from './decoderWeights.ts';
import { ExternalData } from './externalData.ts';
import { GraphBuilder } from './graphBuilder.ts';
import { encodeModel } from './onnxModel.ts';
import { outputError } from './outputError.ts';

export interface BuildOptions {
  readonly producer: string;
  readonly format?: VariantFormat;
  readonly signal?: AbortSignal | undefined;
  readonly onLayer?: (layer: number) => void;
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
