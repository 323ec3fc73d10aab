/**
 * A checkpoint as wide as the published ones of AnLLM (Llama-2 7B: 4096 wide, 32 heads, 11008 inside, 32002 tokens), with few layers
 * and random weights: converted by its own scheme, run by the paper's inference (Algorithm 1: every anchor reduces at once) and sealed
 * sequence by sequence, and compared with PyTorch's one masked forward in fp32.
 *
 * Prints {"maxAbsDiff", "top1Agreement", …}; exits with 1 unless maxAbsDiff <= 1e-3 and top1Agreement is 1. Needs .venv, 6 GB of
 * disk and 6 GB of memory for one layer. `--scheme AC|EP`, `--layers N`, `--quick` (512 wide).
 */
import { join } from 'node:path';
import { z } from 'zod';
import { convertModel } from '../../src/convert/convertModel.ts';
import { trainedSchemes } from '../../src/convert/trainedAnchors.ts';
import { AnchorContext } from '../../src/engine/anchorContext.ts';
import { Decoder } from '../../src/engine/decoder.ts';
import { loadPackage } from '../../src/engine/modelPackage.ts';
import { indexOfLargest } from '../../src/engine/sampling.ts';
import { noArguments, readOptions } from '../../scripts/options.ts';
import { cacheFolder } from '../../scripts/prepare/folders.ts';
import { withWorkFolder } from '../../scripts/prepare/workFolder.mjs';
import { anchorId, fullStopId, writeAnllmFolder } from '../unit/convert/anllmFolder.ts';
import { printResult, progress, rounded } from './report.ts';
import { TorchReference } from './torchReference.ts';

const LARGEST_DIFFERENCE = 1e-3;

const options = readOptions({
  usage: 'usage: npm run --silent anllm -- [--scheme AC|EP] [--layers N] [--quick]',
  options: { scheme: { type: 'string' }, layers: { type: 'string' }, quick: { type: 'boolean' } },
  schema: z.object({
    scheme: z.enum(trainedSchemes).default('AC'),
    layers: z.coerce.number().int().min(1).max(32).default(1),
    quick: z.boolean().default(false),
    _: noArguments,
  }),
});
const { scheme, layers } = options;
const published = { hidden_size: 4096, intermediate_size: 11_008, num_attention_heads: 32 };
const narrow = { hidden_size: 512, intermediate_size: 1376, num_attention_heads: 4 };
const sizes = { ...(options.quick ? narrow : published), num_hidden_layers: layers };
const sentences = ['the river rises', 'in the hills above it, é 漢', 'there the bridge has stood', 'since then'];
const began = performance.now();

await withWorkFolder(cacheFolder, async (folder) => {
  const source = join(folder, 'checkpoint');
  writeAnllmFolder(source, scheme, sizes, 1);
  progress(`${seconds()} s: wrote a checkpoint of ${layers} layers, ${sizes.hidden_size} wide`);
  const outputFolder = join(folder, 'package');
  await convertModel({
    source,
    adapterFolder: null,
    trainedScheme: scheme,
    outputFolder,
    variants: ['fp32'],
    name: 'anllm',
  });
  progress(`${seconds()} s: converted`);
  const pkg = await loadPackage(outputFolder);
  const end = scheme === 'AC' ? anchorId : fullStopId;
  const texts = sentences.map((sentence) => pkg.tokenizer.encodeText(sentence));
  const live = texts.pop() ?? [];
  const closed = texts.map((ids) => ({ ids: [...ids, end], anchors: [ids.length], independent: false }));

  const decoder = await Decoder.create(pkg, { variant: 'fp32', threads: 0 });
  const online = new AnchorContext(decoder, { pinned: [], reduction: 'online' });
  const reduced = await online.read([...closed.flatMap(({ ids }) => ids), ...live], { logits: 'all' });
  const sealed = new AnchorContext(decoder, { pinned: [] });
  for (const ids of texts) await sealed.seal(scheme === 'AC' ? ids : [...ids, end]);
  const found = [...reduced.slice(-live.length), ...(await sealed.read(live, { logits: 'all' }))];
  await decoder.dispose();
  progress(`${seconds()} s: ran it`);

  const torch = await TorchReference.start();
  // The reference's AC has its anchors after the vocabulary; here they are ordinary rows of the table, as under EP.
  const request = {
    scheme: 'EP',
    positions: 'absolute',
    anchors_see_anchors: false,
    prefix: [],
    sequences: closed,
    live,
  };
  const expected = await torch.forward({ model: { base: source, adapter: null }, ...request });
  torch.close();

  let maxAbsDiff = 0;
  let agreeing = 0;
  found.forEach((logits, i) => {
    const reference = expected[i % expected.length] ?? new Float32Array();
    for (const [id, logit] of logits.entries()) {
      const difference = Math.abs(logit - (reference[id] ?? NaN));
      // A NaN must not pass as small.
      if (!(difference <= maxAbsDiff)) maxAbsDiff = difference;
    }
    if (indexOfLargest(logits) === indexOfLargest(reference)) agreeing++;
  });
  const top1Agreement = agreeing / found.length;
  const fed = closed.reduce((sum, { ids }) => sum + ids.length, live.length);
  printResult({
    scheme,
    ...sizes,
    vocab_size: pkg.config.vocab_size,
    maxAbsDiff,
    top1Agreement,
    comparedTokens: found.length,
    rowsHeld: online.rows,
    rowsFull: fed,
    peakMegabytes: Math.round(process.resourceUsage().maxRSS / 1024),
    seconds: seconds(),
  });
  process.exitCode = maxAbsDiff <= LARGEST_DIFFERENCE && top1Agreement === 1 ? 0 : 1;
});

function seconds(): number {
  return rounded((performance.now() - began) / 1000, 3);
}
