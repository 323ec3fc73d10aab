// Renders media/icon.svg to the PNG that the marketplace and the walkthrough need: `node scripts/renderIcon.ts`.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { findChromium } from './prepare/chromium.ts';
import { root } from './prepare/folders.ts';

const size = 128;
const svg = await readFile(join(root, 'media', 'icon.svg'), 'utf8');
const executablePath = await findChromium();
if (executablePath === undefined) {
  throw new Error('Chromium was not found. Install it, for example with `apt-get install chromium`.');
}
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
try {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  await page.setContent(`<style>body{margin:0}svg{display:block}</style>${svg}`);
  await writeFile(join(root, 'media', 'icon.png'), await page.screenshot({ omitBackground: true }));
} finally {
  await browser.close();
}
