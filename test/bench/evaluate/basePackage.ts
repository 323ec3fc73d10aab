import { join } from 'node:path';
import { convertModel } from '../../../src/convert/convertModel.ts';
import { variants } from '../../../src/protocol/packageManifest.ts';
import { baseFile, repository } from '../report.ts';

/** The folder of the bare base's package, built where it is not there: scheme select, no adapter. */
export async function basePackage(progress: (text: string) => void): Promise<string> {
  const outputFolder = join(repository, '.cache', 'packages', 'smollm2-135m-base');
  let shown = false;
  await convertModel({
    source: baseFile,
    adapterFolder: null,
    outputFolder,
    variants,
    name: 'smollm2-135m-base',
    onProgress: ({ phase }) => {
      if (phase === 'build' && !shown) progress('converting the bare base');
      shown ||= phase === 'build';
    },
  });
  return outputFolder;
}
