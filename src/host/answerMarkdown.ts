import MarkdownIt from 'markdown-it';

/** Reads answers as they are once `<` is text in them. */
const parser = new MarkdownIt({ html: false });
/** Reads Markdown as VS Code's preview does. */
const previewParser = new MarkdownIt({ html: true });

type Token = ReturnType<typeof parser.parse>[number];

/** The blocks whose content is text with markup in it. */
const textBlocks: ReadonlySet<string> = new Set(['paragraph_open', 'heading_open', 'table_open']);
const fetching: ReadonlySet<string> = new Set(['image', 'html_inline', 'html_block']);

/** What would be HTML, an image or a formula. Formulas come before code in the preview, and would move where it begins. */
const active = /<|!\[|\$|\\begin/;
/** What text is made of, as far as it matters where code begins in it. */
const textParts = [
  /\\[!-/:-@[-`{-~]/, // an escaped character
  /(?:https?:\/\/|ftp:\/\/|www\.)[^\s<`]*`[^\s<]*/, // an address that comments take backticks into, and documents do not
  /(`+)(?!`)[^]*?(?<!`)\1(?!`)/, // a code span
  /`+/, // backticks that open none
  /~(?=`)|\]:/, // what hides backticks in comments: tildes before them, and definitions
  active,
];
const textPart = new RegExp(textParts.map(({ source }) => source).join('|'), 'gi');

/** The same characters without their meaning. */
const escapes: ReadonlyMap<string, string> = new Map([
  ['<', '&lt;'],
  ['![', '!&#91;'],
  ['$', '\\$'],
  ['\\begin', '\\\\begin'],
  [']:', ']&#58;'],
  ['~', '\\~'],
  ['`', '&#96;'],
]);

/**
 * Model output made safe to render as Markdown, in VS Code's preview too, which takes HTML and images from anywhere:
 * rendering it fetches nothing. Code stays as it is. Text that is contrived so that escaping moves the borders of its
 * code is given as one block of code.
 */
export function answerMarkdown(text: string): string {
  const lines = text.replaceAll(/\r\n?/g, '\n').split('\n');
  // What is in no block defines links.
  const inertLines = lines.map((line) => line.replaceAll('![', escaped));
  for (const { type, map } of parser.parse(text, {})) {
    const [start, end] = map ?? [0, 0];
    const block = lines.slice(start, end);
    if (textBlocks.has(type)) {
      inertLines.splice(start, block.length, ...inertText(block.join('\n')).split('\n'));
    } else if (type === 'fence') {
      inertLines.splice(start, block.length, ...block.map((line, index) => (index === 0 ? inertFence(line) : line)));
    } else if (type === 'code_block') {
      inertLines.splice(start, block.length, ...block);
    }
  }
  const inert = inertLines.join('\n');
  return fetches(previewParser.parse(inert, {})) ? fenced(text) : inert;
}

/** Text that is no markup, for a place in Markdown. */
export function escapeMarkdown(text: string): string {
  return text.replaceAll(/[\\`*_[\]<>&~$|]/g, '\\$&').replaceAll('\n', ' ');
}

/** An answer to which something can be appended: a code block that is open at its end, because it was cut off there, is closed. */
export function withClosedCode(text: string): string {
  const last = parser.parse(`${text}\n\nappended`, {}).at(-1);
  return last?.type === 'fence' ? `${text}\n${last.markup}` : text;
}

/** The code of the last fenced block of an answer, without the indentation of a list that it is in; undefined if it has none. */
export function lastCodeBlock(text: string): string | undefined {
  return parser
    .parse(text, {})
    .findLast(({ type }) => type === 'fence')
    ?.content.replace(/\n$/, '');
}

function inertText(text: string): string {
  return text.replaceAll(textPart, (part) => {
    if (/^[fhw]/i.test(part)) {
      return inertAll(part).replaceAll('`', escaped);
    }
    if (part.startsWith('`')) {
      // A line that begins with a tag or a formula would end the paragraph, and with it a code span of several lines.
      return part.includes('\n') ? inertAll(part) : part;
    }
    return escaped(part);
  });
}

function inertAll(text: string): string {
  return text.replaceAll(new RegExp(active, 'g'), escaped);
}

/** The line that opens a block of code. The preview draws diagrams, with the pictures that they name. */
function inertFence(line: string): string {
  return line.replaceAll(/<|!\[/g, escaped).replace(/mermaid/i, 'text');
}

function escaped(part: string): string {
  return escapes.get(part) ?? part;
}

function fetches(tokens: readonly Token[]): boolean {
  return tokens.some(({ type, children }) => fetching.has(type) || fetches(children ?? []));
}

function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return [fence, text, fence].join('\n');
}
