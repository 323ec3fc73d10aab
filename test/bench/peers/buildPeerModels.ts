/**
 * Writes what the peers read: `node buildPeerModels.ts FOLDER`. The base with the adapter merged in, as the package's
 * converter merges it, once more as GGUF files and as an ONNX folder of the standard layout.
 */
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Adapter } from '../../../src/convert/adapter.ts';
import { variantFormats } from '../../../src/convert/decoderGraph.ts';
import { ExternalData } from '../../../src/convert/externalData.ts';
import { GgufSource } from '../../../src/convert/ggufSource.ts';
import { GraphBuilder } from '../../../src/convert/graphBuilder.ts';
import { MergedWeights } from '../../../src/convert/mergedWeights.ts';
import { encodeModel } from '../../../src/convert/onnxModel.ts';
import { baseFile, builtInAdapter, builtInPackage, progress } from '../report.ts';
import { writeMergedGguf } from './mergedGguf.ts';
import { ggufTypes, peerModels, type PeerModels } from './peerModels.ts';
import { buildStandardGraph } from './standardGraph.ts';

await build(process.argv[2] ?? '');

async function build(folder: string): Promise<void> {
  const models = peerModels(folder);
  const source = new GgufSource(baseFile);
  const adapter = Adapter.open(builtInAdapter);
  try {
    adapter.checkAgainst(source.shapes);
    const weights = new MergedWeights(source, source.config, adapter);
    await mkdir(folder, { recursive: true });
    for (const type of ggufTypes) {
      progress(`GGUF, ${type}`);
      await writeMergedGguf(models.gguf[type], baseFile, weights, type);
    }
    progress('ONNX of the standard layout');
    await writeTransformersFolder(models, weights);
  } finally {
    adapter.close();
    source.close();
  }
}

/** A folder as transformers.js finds it on disk: the package's own tokenizer and configuration, and the graph. */
async function writeTransformersFolder({ transformers }: PeerModels, weights: MergedWeights): Promise<void> {
  const onnx = join(transformers, 'onnx');
  await mkdir(onnx, { recursive: true });
  for (const name of ['config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json'])
    await copyFile(join(builtInPackage, name), join(transformers, name));
  const data = new ExternalData(onnx, 'model_q4.onnx_data');
  const graph = new GraphBuilder('decoder', data);
  const model = buildStandardGraph(graph, weights, variantFormats.int4);
  data.close();
  await writeFile(join(onnx, 'model_q4.onnx'), encodeModel(model));
}
