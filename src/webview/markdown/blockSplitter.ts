/**
 * Cuts Markdown that arrives in pieces into top-level blocks, so that a streamed answer is parsed block by block and not
 * from its beginning at every token.
 *
 * A cut is made only where CommonMark ends every open block: before and after a top-level fence, and at a blank line that is
 * followed by an unindented line, unless both belong to one list. A block may therefore hold several Markdown blocks, but
 * no Markdown block is ever torn; rendering the blocks one by one gives what rendering the whole text gives.
 */
export class BlockSplitter {
  /** Text after the last cut. */
  #tail = '';
  /** Where in the tail the first line not yet looked at begins. */
  #scanned = 0;
  #fence: Fence | null = null;
  #inList = false;
  /** End of the last blank line in the tail, if no other line has followed yet; else null. */
  #afterBlank: number | null = null;

  /** The text that may still change its meaning. */
  get tail(): string {
    return this.#tail;
  }

  /** Whether the tail is inside a code fence. */
  get insideFence(): boolean {
    return this.#fence !== null;
  }

  /** Appends text and returns the blocks that it finished. */
  push(text: string): string[] {
    this.#tail += text;
    const blocks: string[] = [];
    for (let end = this.#tail.indexOf('\n', this.#scanned); end >= 0; end = this.#tail.indexOf('\n', this.#scanned)) {
      this.#readLine(this.#scanned, end + 1, blocks);
    }
    return blocks;
  }

  /** Returns what is left, as the last blocks, and starts anew. */
  finish(): string[] {
    const blocks = this.#tail.endsWith('\n') ? [] : this.push('\n');
    this.#cut(this.#tail.length, blocks);
    this.#fence = null;
    return blocks;
  }

  #readLine(start: number, end: number, blocks: string[]): void {
    const line = this.#tail.slice(start, end);
    this.#scanned = end;
    if (this.#fence) {
      if (closes(line, this.#fence)) {
        this.#fence = null;
        this.#cut(end, blocks);
      }
      return;
    }
    if (line.trim() === '') {
      this.#afterBlank = end;
      return;
    }
    const fence = openedFence(line);
    if (fence && !(this.#inList && fence.indent > 1)) {
      this.#cut(start, blocks);
      this.#fence = fence;
      return;
    }
    this.#readText(line, blocks);
  }

  #readText(line: string, blocks: string[]): void {
    const isItem = listItem.test(line);
    if (this.#afterBlank !== null && !/^[ \t]/.test(line) && !(this.#inList && isItem)) {
      this.#cut(this.#afterBlank, blocks);
    }
    this.#afterBlank = null;
    this.#inList ||= isItem;
  }

  #cut(at: number, blocks: string[]): void {
    const block = this.#tail.slice(0, at);
    if (block.trim() !== '') {
      blocks.push(block);
    }
    this.#tail = this.#tail.slice(at);
    this.#scanned = Math.max(0, this.#scanned - at);
    this.#afterBlank = null;
    this.#inList = false;
  }
}

/** All blocks of a finished text. */
export function splitBlocks(text: string): string[] {
  const splitter = new BlockSplitter();
  return [...splitter.push(text), ...splitter.finish()];
}

interface Fence {
  readonly marker: string;
  readonly length: number;
  readonly indent: number;
}

const listItem = /^ {0,3}(?:[-*+]|\d{1,9}[.)])(?:[ \t]|\s*$)/;

function openedFence(line: string): Fence | null {
  const match = /^( {0,3})(`{3,}|~{3,})(.*)/.exec(line);
  const [, indent, run, info] = match ?? [];
  if (indent === undefined || run === undefined || (run.startsWith('`') && info?.includes('`'))) {
    return null;
  }
  return { marker: run.charAt(0), length: run.length, indent: indent.length };
}

function closes(line: string, fence: Fence): boolean {
  const run = /^ {0,3}(`{3,}|~{3,})\s*$/.exec(line)?.[1];
  return run !== undefined && run.startsWith(fence.marker) && run.length >= fence.length;
}
