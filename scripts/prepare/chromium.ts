import { installAptPackage } from './aptPackage.ts';
import { onPath } from './onPath.ts';
import type { Step } from './step.mjs';

const commands = ['chromium', 'chromium-browser', 'google-chrome'];

/** The browser that the editor's tests run in, if there is one. */
export function findChromium(): Promise<string | undefined> {
  return onPath(commands);
}

/** Installs Chromium from the system's packages. */
export function chromiumStep(): Step {
  return {
    name: 'chromium',
    title: 'Installing Chromium',
    neededBytes: 1e9,
    key: () => 'any',
    isPresent: async () => (await findChromium()) !== undefined,
    isRight: () => true,
    async make(progress) {
      await installAptPackage('chromium', "A browser for the editor's tests", progress);
    },
  };
}
