import type { Browser } from 'playwright-core';
import { chromium } from 'playwright-core';
import { findChromium } from '../prepare/chromium.ts';
import { PreparationError } from '../prepare/preparationError.mjs';

/** Starts the system's Chromium without a window. */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = await findChromium();
  if (executablePath === undefined) {
    throw new PreparationError(
      'missingTool',
      'Chromium was not found. Install it, for example with: apt-get install chromium',
    );
  }
  // Root has no sandbox, and what is opened is our own server.
  return chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-sync'],
  });
}
