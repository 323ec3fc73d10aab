import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { llamaFolder } from '../prepare/llamaCpp.ts';

/** What the comparison uses of node-llama-cpp's model. */
export interface LlamaVocabulary {
  /** @param specialTokens whether the names of special tokens in the text stand for them. */
  tokenize(text: string, specialTokens: boolean): number[];
}

const moduleSchema = z.object({
  getLlama: z.custom<(options: object) => Promise<LlamaEngine>>((value) => typeof value === 'function'),
});

interface LlamaEngine {
  loadModel(options: { modelPath: string; vocabOnly: boolean }): Promise<LlamaVocabulary>;
}

/** Loads the vocabulary of a GGUF file with llama.cpp. */
export async function loadLlamaVocabulary(modelPath: string): Promise<LlamaVocabulary> {
  const entry = createRequire(join(llamaFolder, 'package.json')).resolve('node-llama-cpp');
  const { getLlama } = moduleSchema.parse(await import(pathToFileURL(entry).href));
  const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error' });
  return llama.loadModel({ modelPath, vocabOnly: true });
}
