import MarkdownIt from 'markdown-it';

/** Reads answers as they are once `<` is text in them. */
const parser = new MarkdownIt({ html: false });
/** Reads Markdown as VS Code's preview does. */
const previewParser = new MarkdownIt({ html: true });

type Token = ReturnType<typeof parser.parse>[number];

/** The blocks whose content is text with markup in it. */
const textBlocks: ReadonlySet<string> = new Set(['paragraph_open', 'heading_open', 'table_open']);
/** An escaped character, a code span, backticks that open none, or what `escapes` has. */
const textParts = /\\begin|\\[^]|(`+)(?!`)[^]*?(?<!`)\1(?!`)|`+|<|!\[|\$/g;
/**
 * HTML and images, which fetch what they name, as text. So is TeX, because the preview's mathematics comes before code
 * spans and fences, and would move where they begin.
 */
const escapes: ReadonlyMap<string, string> = new Map([
  ['<', '&lt;'],
  ['![', '!\\['],
  ['$', '\\$'],
  ['\\begin', '\\\\begin'],
]);
const fetching: ReadonlySet<string> = new Set(['image', 'html_inline', 'html_block']);

/**
 * Model output made safe to render as Markdown, in VS Code's preview too, which takes HTML and images from anywhere:
 * rendering it fetches nothing. Code stays as it is. Text that is contrived so that escaping moves the borders of its
 * code is given as one block of code.
 */
export function answerMarkdown(text: string): string {
  const lines = text.replaceAll(/\r\n?/g, '\n').split('\n');
  for (const { type, map, info } of parser.parse(text, {})) {
    const [start, end] = map ?? [0, 0];
    const block = lines.slice(start, end).join('\n');
    if (textBlocks.has(type)) {
      lines.splice(start, end - start, ...inertText(block).split('\n'));
    } else if (type === 'fence' && /mermaid/i.test(info)) {
      // The preview draws these, with the pictures that they name.
      lines.splice(start, end - start, ...block.replace(/mermaid/i, 'text').split('\n'));
    }
  }
  const inert = lines.join('\n');
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
  return text.replaceAll(textParts, (part) => {
    // A line that begins with a tag or a formula would end the paragraph, and with it a code span of several lines.
    const splits = part.startsWith('`') && part.includes('\n');
    return splits ? part.replaceAll(/\\begin|<|!\[|\$/g, escaped) : escaped(part);
  });
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
