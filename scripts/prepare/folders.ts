import { dirname, join } from 'node:path';

/** The repository's folder. */
export const root = dirname(dirname(import.meta.dirname));
/** What is fetched and built, and can be made again; ignored by git. */
export const cacheFolder = join(root, '.cache');
/** The built package of the built-in model. */
export const packageFolder = join(cacheFolder, 'packages', 'smollm2-135m-anchors');
/** The adapter that the repository ships. */
export const adapterFolder = join(root, 'models', 'smollm2-135m-anchors');
/** The files in it that a package is built from. */
export const adapterFiles = ['{,anchors/}*.{json,safetensors}'];
/** Where the extension's bundles go. */
export const distFolder = join(root, 'dist');
/** The packaged extension. */
export const vsixFile = join(cacheFolder, 'anchorage-linux-x64.vsix');
/** The Python of the training code's environment. */
export const venvPython = join(root, '.venv', 'bin', 'python');
