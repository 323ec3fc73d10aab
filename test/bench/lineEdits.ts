import type { Random } from '../../src/engine/random.ts';

const edits = ['replace', 'insert', 'delete'] as const;

/** A text with one line replaced, inserted or deleted, such as are typed: a line of the text itself, or a new one. */
export function editLine(text: string, random: Random): string {
  const pick = <T>(items: readonly [T, ...T[]]): T => items[Math.floor(random.next() * items.length)] ?? items[0];
  const lines = text.split('\n');
  const at = Math.floor(random.next() * lines.length);
  const other = lines[Math.floor(random.next() * lines.length)] ?? '';
  const line = pick([other, '', '}', `  const added${at} = ${at};`, `export function added${at}() {`]);
  const edit = pick(edits);
  if (edit === 'delete') lines.splice(at, 1);
  else lines.splice(at, edit === 'insert' ? 0 : 1, line);
  return lines.join('\n');
}
