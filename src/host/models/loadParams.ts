import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import type { loadModelRequest } from '../../protocol/worker.ts';
import type { Settings } from '../settings.ts';

/** The built-in model: in a packaged extension, and in a checkout where it was built. */
const builtIn = ['model', join('.cache', 'packages', 'smollm2-135m-anchors')] as const;

/** What the worker is told to load, from the settings. */
export function loadParams(settings: Settings, extensionPath: string): z.input<typeof loadModelRequest.params> {
  return {
    packageFolder: settings['model.folder'] || builtInPackage(extensionPath),
    variant: settings['model.variant'],
    executionProvider: settings['model.executionProvider'],
    ratio: settings['memory.ratio'] || null,
    choice: null,
    threads: settings['worker.threads'],
    budgetMB: settings['memory.budgetMB'],
    rereadTokens: settings['memory.rereadTokens'],
    heldRows: settings['memory.heldRows'],
  };
}

/** Whether a package is there at all, the worker finds out, and says it with a remedy. */
function builtInPackage(extensionPath: string): string {
  const folders = builtIn.map((path) => join(extensionPath, path));
  return folders.find((path) => existsSync(path)) ?? join(extensionPath, builtIn[0]);
}
