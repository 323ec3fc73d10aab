import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { exists } from '../prepare/files.ts';
import { cacheFolder } from '../prepare/folders.ts';
import { runProgram } from '../prepare/program.mjs';

const version = '3.22.1';
/** Its other optional dependencies are builds for graphics cards, 700 MB of them. */
const platform = `@node-llama-cpp/${process.platform === 'darwin' ? 'mac' : process.platform === 'win32' ? 'win' : 'linux'}-${process.arch}${
  process.platform === 'darwin' && process.arch === 'arm64' ? '-metal' : ''
}`;

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

/** Installs node-llama-cpp into the cache if it is not there, and loads the vocabulary of a GGUF file with it. */
export async function loadLlamaVocabulary(modelPath: string): Promise<LlamaVocabulary> {
  const folder = join(cacheFolder, 'tools', 'llama');
  if (!(await exists(join(folder, 'node_modules', platform)))) {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'package.json'), '{ "private": true }\n');
    const packages = [`node-llama-cpp@${version}`, `${platform}@${version}`];
    const flags = ['--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund'];
    await runProgram('npm', ['install', ...flags, ...packages], { cwd: folder });
  }
  const entry = createRequire(join(folder, 'package.json')).resolve('node-llama-cpp');
  const { getLlama } = moduleSchema.parse(await import(pathToFileURL(entry).href));
  const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error' });
  return llama.loadModel({ modelPath, vocabOnly: true });
}
