/**
 * Perplexity of the package's and the bare base's variants on held-out prose and code, read as plain text without
 * anchors: what quantising, and the adapter, cost by themselves.
 *
 * Needs the built-in package with all variants, and the base's GGUF file, from which the bare base is converted into
 * .cache/packages/smollm2-135m-base. `--texts N` of each kind (6), `--tokens N` of each text (256).
 */
import { join } from 'node:path';
import { z } from 'zod';
import { convertModel } from '../../src/convert/convertModel.ts';
import { variants, type Variant } from '../../src/protocol/packageManifest.ts';
import { AnchorContext } from '../../src/engine/anchorContext.ts';
import { Decoder } from '../../src/engine/decoder.ts';
import { loadPackage } from '../../src/engine/modelPackage.ts';
import { scoreText } from '../../src/engine/scoreText.ts';
import { noArguments, readOptions } from '../../scripts/options.ts';
import { heldoutTexts, type HeldoutText } from './heldout.ts';
import { baseFile, builtInPackage, printResult, progress, repository, rounded } from './report.ts';

const options = readOptions({
  usage: 'usage: npm run --silent perplexity -- [--texts N of each kind] [--tokens N of each text]',
  options: { texts: { type: 'string' }, tokens: { type: 'string' } },
  schema: z.object({
    texts: z.coerce.number().int().min(1).default(6),
    tokens: z.coerce.number().int().min(2).default(256),
    _: noArguments,
  }),
});

const basePackage = join(repository, '.cache', 'packages', 'smollm2-135m-base');
progress('converting the bare base');
await convertModel({
  source: baseFile,
  adapterFolder: null,
  outputFolder: basePackage,
  variants,
  name: 'smollm2-135m-base',
  // What is measured is this converter.
  rebuild: true,
});
const texts = await heldoutTexts();
const kinds = ['prose', 'code'] as const;
const picked = kinds.flatMap((kind) => texts.filter((text) => text.kind === kind).slice(0, options.texts));

const results: Record<string, Record<string, object>> = {};
for (const [name, folder] of [
  ['base', basePackage],
  ['anchors', builtInPackage],
] as const) {
  results[name] = {};
  for (const variant of variants) results[name][variant] = await perplexities(folder, variant, `${name}, ${variant}`);
}
printResult({ textsOfEachKind: options.texts, tokensOfEachText: options.tokens, perplexity: results });

async function perplexities(folder: string, variant: Variant, label: string): Promise<object> {
  const pkg = await loadPackage(folder);
  const decoder = await Decoder.create(pkg, { variant, threads: 0 });
  const found = new Map<HeldoutText['kind'], { logProb: number; tokens: number }>();
  for (const { kind, text } of picked) {
    const context = new AnchorContext(decoder, { pinned: [] });
    const ids = pkg.tokenizer.encodeText(text.slice(0, 8 * options.tokens)).slice(0, options.tokens);
    const score = await scoreText(context, ids);
    const sum = found.get(kind) ?? { logProb: 0, tokens: 0 };
    found.set(kind, { logProb: sum.logProb + score.logProb, tokens: sum.tokens + score.tokens });
  }
  await decoder.dispose();
  const result = Object.fromEntries(
    [...found].map(([kind, { logProb, tokens }]) => [kind, rounded(Math.exp(-logProb / tokens))]),
  );
  progress(`${label}: ${JSON.stringify(result)}`);
  return result;
}
