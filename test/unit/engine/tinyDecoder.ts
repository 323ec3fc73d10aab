import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { convertModel } from '../../../src/convert/convertModel.ts';
import { Decoder } from '../../../src/engine/decoder.ts';
import { loadPackage, type ModelPackage } from '../../../src/engine/modelPackage.ts';
import { tinyModel, writeTinyModel, type TinyModel, type TinyRules } from './tinyModel.ts';

export interface TinyPackage {
  readonly package: ModelPackage;
  readonly base: string;
  readonly adapter: string | null;
}

export interface TinyDecoder {
  readonly model: TinyModel;
  readonly decoder: Decoder;
}

/** Converts a tiny model into an fp32 package, under the model's own anchor rules. */
export async function buildTinyPackage(model: TinyModel, folder: string): Promise<TinyPackage> {
  const { base, adapter } = await writeTinyModel(model, folder);
  const outputFolder = join(folder, 'package');
  await convertModel({ source: base, adapterFolder: adapter, outputFolder, variants: ['fp32'], name: 'tiny' });
  const pkg = await loadPackage(outputFolder);
  // EP and select have no adapter that could declare their rules.
  return { package: { ...pkg, anchors: model.anchors }, base, adapter };
}

const root = mkdtempSync(join(tmpdir(), 'tiny-'));
process.once('exit', () => rmSync(root, { recursive: true, force: true }));
const opened = new Map<string, Promise<TinyDecoder>>();

/** A tiny decoder of these rules and of a window of `positions`; the same one for every test that asks for the same. */
export function openTinyDecoder(rules: TinyRules, positions = 512): Promise<TinyDecoder> {
  const key = JSON.stringify([rules, positions]);
  const found = opened.get(key) ?? open(rules, positions, join(root, `${opened.size}`));
  opened.set(key, found);
  return found;
}

async function open(rules: TinyRules, positions: number, folder: string): Promise<TinyDecoder> {
  const model = tinyModel(rules);
  const { package: built } = await buildTinyPackage(model, folder);
  const pkg = { ...built, config: { ...built.config, max_position_embeddings: positions } };
  return { model, decoder: await Decoder.create(pkg, { variant: 'fp32', threads: 1 }) };
}
