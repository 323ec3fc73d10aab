import MarkdownIt from 'markdown-it';

/** Markdown's block structure alone: what is inside a paragraph does not move the borders of blocks. */
const blockParser = new MarkdownIt({ html: false });
blockParser.core.ruler.enableOnly(['normalize', 'block']);

/**
 * Cuts Markdown that arrives in pieces into its top-level blocks, so that a streamed answer is parsed block by block and not
 * from its beginning at every token.
 *
 * Only the last top-level block can still change when text is appended, so every block before it is finished. Rendering the
 * blocks one by one gives what rendering the whole text gives, save that a link reference definition serves its own block only.
 */
export class BlockSplitter {
  /** The last top-level block, as far as it is known. */
  #tail = '';
  /** Characters of the tail that the borders were last looked for in. */
  #settled = 0;

  /** The text that may still change its meaning. */
  get tail(): string {
    return this.#tail;
  }

  /** Appends text and returns the blocks that it finished. */
  push(text: string): string[] {
    this.#tail += text.replaceAll('\r', '');
    const settled = settledLength(this.#tail);
    if (settled === this.#settled) {
      return [];
    }
    const blocks = cutBlocks(this.#tail.slice(0, settled));
    const open = blocks.pop();
    this.#tail = open === undefined ? this.#tail : open + this.#tail.slice(settled);
    this.#settled = settledLength(this.#tail);
    return blocks;
  }

  /** Returns what is left and starts anew. */
  finish(): string[] {
    const blocks = cutBlocks(this.#tail);
    this.#tail = '';
    this.#settled = 0;
    return blocks;
  }
}

/** All blocks of a finished text. */
export function splitBlocks(text: string): string[] {
  const splitter = new BlockSplitter();
  return [...splitter.push(text), ...splitter.finish()];
}

/**
 * How much of a growing text tells the borders of its blocks for good: all finished lines, and the beginning of the last line if it starts
 * with a letter, for then it is text whatever follows. (A `-` may become an item or a rule, a `#` a heading or text.)
 */
function settledLength(text: string): number {
  const lineStart = text.lastIndexOf('\n') + 1;
  return /^\p{L}/u.test(text.slice(lineStart, lineStart + 2)) ? lineStart + 1 : lineStart;
}

/** The text cut before each top-level block but the first. */
function cutBlocks(text: string): string[] {
  const lines = text.split('\n');
  const starts = blockParser.parse(text, {}).flatMap(({ level, map }) => (level === 0 && map ? [map[0]] : []));
  const borders = [0, ...starts.slice(1), lines.length];
  return borders
    .slice(1)
    .map((end, index) => lines.slice(borders[index], end).join('\n') + (end < lines.length ? '\n' : ''))
    .filter((block) => block.trim() !== '');
}
