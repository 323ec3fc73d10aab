import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../prepare/folders.ts';

const alphabets = [
  'abcdefghijklmnopqrstuvwxyz',
  'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
  '0123456789',
  '٠١٢٣४५६⅓²①Ⅷ',
  ' \t\n\r\u00a0\u2003\u3000\u200b',
  '.,;:!?\'"`-_/\\()[]{}<>|@#$%^&*+=~',
  'äöüßéèêñçøåœÆŁžčšđ',
  'абвгдежзийклмнопрстуф',
  'αβγδεζηθικλμνξοπ',
  '你好世界日本語漢字かなカナ',
  'שלוםعربيةहिन्दीไทย',
  '🦊🚀👩‍👩‍👧🏳️‍🌈🇫🇷',
  'e\u0301a\u0308\u0327\ufeff\u0000',
];

const tricky = [
  ' ',
  '\n\n\n',
  ' \n \t ',
  "I'm you're it's we've they'll he'd 'tis O'Brien's",
  "I'M YOU'RE IT'S",
  '1234567890 3.14159 1e-9 0xFF 12,345 ½ ² ٣',
  'a  b   c    d',
  'tab\tseparated\tvalues\r\nand windows lines\r\n',
  '    indented\n        more\n\tand a tab',
  '<|im_end|> and <|im_start|>system, spelled out',
  '<|endoftext|><repo_name><file_sep>',
  'trailing spaces   ',
  '   leading spaces',
  'é e\u0301 ﬁ ﬀ Å Å',
  '�\u0000\u0007\u001b[31m',
  'snake_case camelCase PascalCase SCREAMING_CASE kebab-case',
  '$$$ ### @@@ !!! ... --- ___ ===',
  'https://example.org/a?b=c&d=%20#e',
];

/**
 * Texts to compare tokenizers on: lines of the project's own code and documents, strings made of many alphabets, and hand-picked
 * tricky ones. The same at every run, as long as the repository is.
 */
export function sampleTexts(count: number): string[] {
  const lines = globSync(['*.md', 'docs/**/*.md', 'models/**/*.{md,py}', 'src/**/*.ts', 'test/**/*.ts'], { cwd: root })
    .sort()
    .flatMap((path) => paragraphs(readFileSync(join(root, path), 'utf8')));
  const real = Math.min(lines.length, Math.floor(count * 0.6));
  const step = lines.length / real;
  const chosen = Array.from({ length: real }, (_, i) => lines[Math.floor(i * step)] ?? '');
  const made = Array.from({ length: count - real - tricky.length }, (_, i) => mixture(i + 1));
  return [...tricky, ...chosen, ...made];
}

/** Pieces of one to four lines, so that line breaks and indentation are met too. */
function paragraphs(text: string): string[] {
  const lines = text.split('\n');
  const pieces: string[] = [];
  for (let at = 0, length = 1; at < lines.length; at += length, length = (length % 4) + 1)
    pieces.push(lines.slice(at, at + length).join('\n'));
  return pieces.filter((piece) => piece !== '');
}

/** A string of runs of characters, each run from one alphabet. */
function mixture(seed: number): string {
  let state = seed;
  const die = (sides: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
  let text = '';
  for (let run = 3 + die(10); run > 0; run--) {
    const characters = Array.from(alphabets[die(alphabets.length)] ?? '');
    for (let length = 1 + die(6); length > 0; length--) text += characters[die(characters.length)] ?? '';
    if (die(3) === 0) text += ' ';
  }
  return text;
}
