import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { exists, hashOfFiles } from '../../../scripts/prepare/files.ts';
import { adapterFiles, adapterFolder, cacheFolder } from '../../../scripts/prepare/folders.ts';
import { readBase } from '../../../scripts/prepare/base.ts';
import { runProgram } from '../../../scripts/prepare/program.mjs';
import { hashOfProgram } from '../../../scripts/prepare/programHash.ts';
import { hashOf, prepareStep, type Step } from '../../../scripts/prepare/step.mjs';
import { withWorkFolder } from '../../../scripts/prepare/workFolder.mjs';

export const ggufTypes = ['Q8_0', 'Q4_1'] as const;
export type GgufType = (typeof ggufTypes)[number];

const modelsFolder = join(cacheFolder, 'bench', 'models');

/** Where the peers' files of the built-in model lie. */
export interface PeerModels {
  readonly gguf: Readonly<Record<GgufType, string>>;
  readonly transformers: string;
}

export function peerModels(folder: string): PeerModels {
  const gguf = (type: GgufType): string => join(folder, `merged.${type}.gguf`);
  return { gguf: { Q8_0: gguf('Q8_0'), Q4_1: gguf('Q4_1') }, transformers: join(folder, 'transformers') };
}

/** Builds the peers' files of the built-in model, where they are not there yet. */
export async function preparePeerModels(): Promise<PeerModels> {
  const base = await readBase();
  const builder = join(import.meta.dirname, 'buildPeerModels.ts');
  const models = peerModels(modelsFolder);
  const files = [...Object.values(models.gguf), join(models.transformers, 'onnx', 'model_q4.onnx')];
  const step: Step = {
    name: 'peer-models',
    title: "Writing the model's weights for node-llama-cpp and transformers.js",
    neededBytes: 5e8,
    key: async () =>
      hashOf([base.file.sha256, await hashOfFiles(adapterFolder, adapterFiles), await hashOfProgram(builder)]),
    isPresent: async () => (await Promise.all(files.map(exists))).every(Boolean),
    make: async (progress) => {
      await withWorkFolder(cacheFolder, async (work) => {
        const built = join(work, 'models');
        await runProgram(process.execPath, [builder, built], {
          onLine: (line) => progress.advance({ note: line.slice(0, 100) }),
        });
        await mkdir(dirname(modelsFolder), { recursive: true });
        await rm(modelsFolder, { recursive: true, force: true });
        await rename(built, modelsFolder);
      });
    },
  };
  await prepareStep(step, { stateFolder: cacheFolder });
  return models;
}
