import { splitBlocks } from './markdown/blockSplitter.ts';
import { parseMarkdown } from './markdown/parseMarkdown.ts';
import { plainText } from './markdown/tree.ts';
import { strings } from './strings.ts';

/** About a minute of speech; the rest is read in the conversation itself. */
const maxCharacters = 1000;

/** A finished answer as a screen reader should say it: words without markup, code named and not spelt out. */
export function spokenAnswer(answer: string): string {
  const nodes = splitBlocks(answer).flatMap((block) => parseMarkdown(block));
  const text = plainText(nodes, ({ language, source }) =>
    strings.codeSpoken(language, source.split('\n').length),
  ).trim();
  if (text.length <= maxCharacters) {
    return strings.answerFinished(text);
  }
  const cut = text.slice(0, maxCharacters);
  const atWord = cut.slice(0, Math.max(cut.lastIndexOf(' '), maxCharacters / 2));
  return `${strings.answerFinished(atWord)}… ${strings.answerContinues}`;
}
