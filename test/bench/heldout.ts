import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { builtInAdapter } from './report.ts';

const rowSchema = z.object({ id: z.union([z.string(), z.number()]), text: z.string().min(1) });

export interface HeldoutText {
  readonly kind: 'prose' | 'code';
  readonly text: string;
}

/** Texts that no adapter was trained on. */
export async function heldoutTexts(): Promise<HeldoutText[]> {
  const texts: HeldoutText[] = [];
  for (const kind of ['prose', 'code'] as const) {
    const path = join(builtInAdapter, 'heldout', `${kind}.jsonl`);
    for (const line of (await readFile(path, 'utf8')).split('\n')) {
      if (line !== '') texts.push({ kind, text: rowSchema.parse(JSON.parse(line)).text });
    }
  }
  return texts;
}

/** Prose and code by turns. */
export async function mixedTexts(): Promise<HeldoutText[]> {
  const texts = await heldoutTexts();
  const [prose = [], code = []] = ['prose', 'code'].map((wanted) => texts.filter(({ kind }) => kind === wanted));
  return prose.flatMap((text, index) => [text, ...code.slice(index, index + 1)]);
}
