import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { DecoderConfig } from '../protocol/decoderConfig.ts';
import { AnchorageError } from '../protocol/errors.ts';
import type { Variant } from '../protocol/packageManifest.ts';
import { buildDecoderGraph, variantFormats, type VariantFormat } from './decoderGraph.ts';
import type { DecoderWeights } from './decoderWeights.ts';
import { deviceGraphs } from './deviceGraphs.ts';
import { addMoments, type Calibration } from './calibration.ts';
import { ExternalData } from './externalData.ts';
import { buildGqaGraph } from './gqaGraph.ts';
import { GraphBuilder, type GraphTarget } from './graphBuilder.ts';
import { LayerProducts } from './layerProducts.ts';
import { blockSize } from './linearLayer.ts';
import { encodeModel } from './onnxModel.ts';
import { outputError } from './outputError.ts';

/** A graph of single precision with the outputs that a calibration measures; no part of a package. */
export const momentsGraph = 'moments.onnx';

export interface BuildOptions {
  readonly producer: string;
  readonly format?: VariantFormat;
  readonly signal?: AbortSignal | undefined;
  readonly onLayer?: (layer: number) => void;
  /** False for a variant that is built as a reference only. */
  readonly forDevices?: boolean;
  /** What matrices of four bits are fitted to. */
  readonly calibration?: Calibration | undefined;
  /** Writes a third graph, `momentsGraph`, for the calibration of a variant of this format. */
  readonly momentsFor?: VariantFormat | undefined;
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

/**
 * Writes the two graphs of a variant into `folder`, `model_{variant}.onnx` for the CPU and `model_gqa_{variant}.onnx` for devices, and
 * the external data that they share; gives the path of the first.
 */
export async function writeVariant(
  folder: string,
  variant: Variant,
  weights: DecoderWeights,
  options: BuildOptions,
): Promise<string> {
  const data = new ExternalData(folder, `model_${variant}.onnx_data`);
  const path = join(folder, `model_${variant}.onnx`);
  const format = options.format ?? variantFormats[variant];
  const pause = async (): Promise<void> => {
    // Lets a stop request in: everything else here runs without a pause.
    await setImmediate();
    options.signal?.throwIfAborted();
  };
  try {
    const products = new LayerProducts(format, options.calibration ?? null);
    const graph = new GraphBuilder(`decoder_${variant}`, data);
    await buildDecoderGraph(graph, weights, format, products, async (layer) => {
      options.onLayer?.(layer);
      await pause();
    });
    writeFileSync(path, encodeModel(graph.model(options.producer)), { flag: 'wx' });
    const { momentsFor } = options;
    if (momentsFor !== undefined) {
      addMoments(graph, products, (product) => momentsFor[product] === 'blocks4');
      writeFileSync(join(folder, momentsGraph), encodeModel(graph.model(options.producer)), { flag: 'wx' });
    }
    if (options.forDevices === false) return path;
    const deviceGraph = new GraphBuilder(`decoder_gqa_${variant}`, data, 'device');
    await buildGqaGraph(deviceGraph, weights, format, products, pause);
    const devicePath = join(folder, `model_gqa_${variant}.onnx`);
    writeFileSync(devicePath, encodeModel(deviceGraph.model(options.producer)), { flag: 'wx' });
  } catch (error) {
    throw error instanceof Error && 'syscall' in error ? outputError(path, error) : error;
  } finally {
    data.close();
  }
  return path;
}

/** Writes the graphs that every variant needs on a device, `device_{name}.onnx`, into `folder`. */
export function writeDeviceGraphs(folder: string, config: DecoderConfig, producer: string): void {
  for (const [name, build] of Object.entries(deviceGraphs)) {
    writeSmallGraph(folder, `device_${name}`, producer, (graph) => build(graph, config), 'device');
  }
}

/** Writes a graph that all variants share, `{name}.onnx` and its data, into `folder`. */
export function writeSmallGraph(
  folder: string,
  name: string,
  producer: string,
  build: (graph: GraphBuilder) => void,
  target?: GraphTarget,
): void {
  const path = join(folder, `${name}.onnx`);
  const data = new ExternalData(folder, `${name}.onnx_data`);
  const graph = new GraphBuilder(name, data, target);
  try {
    build(graph);
    writeFileSync(path, encodeModel(graph.model(producer)), { flag: 'wx' });
  } catch (error) {
    throw error instanceof Error && 'syscall' in error ? outputError(path, error) : error;
  } finally {
    data.close();
  }
}
