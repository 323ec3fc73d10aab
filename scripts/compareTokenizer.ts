// Compares the token ids of the converted tokenizer with llama.cpp's on 1,000 texts: `npm run --silent compare-tokenizer`.
// Prints {"texts","different"}; fails if any text differs.
import { z } from 'zod';
import { GgufSource } from '../src/convert/ggufSource.ts';
import { ModelTokenizer, tokenizerJsonSchema } from '../src/engine/tokenizer.ts';
import { noArguments, readOptions } from './options.ts';
import { baseFile, readBase } from './prepare/base.ts';
import { loadLlamaVocabulary } from './tokenizer/llamaCpp.ts';
import { sampleTexts } from './tokenizer/sampleTexts.ts';

const { show } = readOptions({
  usage: 'usage: npm run --silent compare-tokenizer -- [--show]',
  options: { show: { type: 'boolean' } },
  schema: z.object({ show: z.boolean().default(false), _: noArguments }),
});
const path = baseFile(await readBase());
const source = new GgufSource(path);
const ours = new ModelTokenizer(tokenizerJsonSchema.parse(source.tokenizerFiles().tokenizer));
source.close();
const theirs = await loadLlamaVocabulary(path);

const texts = sampleTexts(1000);
let different = 0;
for (const text of texts) {
  const asText = [ours.encodeText(text), theirs.tokenize(text, false)] as const;
  const asMarkup = [ours.encodePrompt(text), theirs.tokenize(text, true)] as const;
  if ([asText, asMarkup].every(([a, b]) => a.join() === b.join())) continue;
  different++;
  if (show) console.error(JSON.stringify({ text, ours: asText[0], theirs: asText[1] }));
}
console.log(JSON.stringify({ texts: texts.length, different }));
process.exit(different === 0 ? 0 : 1);
