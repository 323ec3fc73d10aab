import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { root } from '../prepare/folders.ts';

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({ version: z.string().optional(), license: z.string().optional(), dev: z.boolean().optional() }),
  ),
});

/** The licence texts of every package that the extension's bundles may contain, as one document. */
export async function collectLicences(): Promise<string> {
  const { packages } = lockSchema.parse(JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')));
  const sections: string[] = [];
  for (const [path, { version = '', license = 'see its own files', dev }] of Object.entries(packages)) {
    if (!path.startsWith('node_modules/') || dev === true) continue;
    const folder = join(root, path);
    const names = await readdir(folder).catch(() => []);
    const texts = names.filter((name) => /^(licen[cs]e|notice|thirdpartynotices)/i.test(name));
    const bodies = await Promise.all(texts.map((name) => readFile(join(folder, name), 'utf8')));
    sections.push([`${path.replace(/^.*node_modules\//, '')} ${version} (${license})`, ...bodies].join('\n\n'));
  }
  return `${sections.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}
