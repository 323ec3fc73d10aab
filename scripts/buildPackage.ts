// Builds the package of the built-in model: its base decoder with the committed adapter merged in, every variant. Whether it has to be
// built is for the preparation step to say (prepare/modelPackage.ts), which runs this.
import { join } from 'node:path';
import { convertModel } from '../src/convert/convertModel.ts';
import { AnchorageError, messageOf } from '../src/protocol/errors.ts';

const root = join(import.meta.dirname, '..');
const started = performance.now();
let shown = '';

try {
  const result = await convertModel({
    source: join(root, '.cache/base/SmolLM2-135M-Instruct.Q4_1.gguf'),
    adapterFolder: join(root, 'models/smollm2-135m-anchors'),
    outputFolder: join(root, '.cache/packages/smollm2-135m-anchors'),
    variants: ['fp32', 'int8', 'int4'],
    name: 'smollm2-135m-anchors',
    rebuild: true,
    onProgress({ phase, variant }) {
      const step = [phase, variant].filter(Boolean).join(' ');
      if (step !== shown) console.error(step);
      shown = step;
    },
  });
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  const peakMegabytes = Math.round(process.resourceUsage().maxRSS / 1024);
  console.log(JSON.stringify({ ...result, seconds, peakMegabytes }));
} catch (error) {
  console.error(messageOf(error));
  if (AnchorageError.is(error)) console.error(error.remedy);
  process.exitCode = 1;
}
