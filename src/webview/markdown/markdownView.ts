import { element } from '../dom.ts';
import { BlockSplitter } from './blockSplitter.ts';
import { parseMarkdown } from './parseMarkdown.ts';
import { renderTree, type CodeActions } from './renderTree.ts';

/** Code in a longer unfinished block stays without colours until the block is finished, so that a frame's work stays small. */
const maxColouredCharacters = 4000;

/**
 * Markdown that may still be growing. Text is appended at any rate and drawn once a frame; finished blocks are parsed once
 * and never touched again, so that a selection or the focus inside them stays.
 */
export class MarkdownView {
  readonly element = element('div', { class: 'markdown' });
  readonly #open = element('div', { class: 'open-block' });
  readonly #splitter = new BlockSplitter();
  readonly #actions: CodeActions;
  #pending = '';
  #frame: number | null = null;

  constructor(actions: CodeActions) {
    this.#actions = actions;
    this.element.append(this.#open);
  }

  append(text: string): void {
    this.#pending += text;
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      this.#draw();
    });
  }

  /** Draws everything that was appended; nothing may be appended after. */
  finish(): void {
    if (this.#frame !== null) {
      cancelAnimationFrame(this.#frame);
      this.#frame = null;
    }
    this.#addBlocks(this.#splitter.push(this.#pending));
    this.#addBlocks(this.#splitter.finish());
    this.#pending = '';
    this.#open.remove();
  }

  #draw(): void {
    this.#addBlocks(this.#splitter.push(this.#pending));
    this.#pending = '';
    const { tail } = this.#splitter;
    const nodes = parseMarkdown(tail, { coloured: tail.length <= maxColouredCharacters });
    this.#open.replaceChildren(...renderTree(nodes, null));
  }

  #addBlocks(blocks: readonly string[]): void {
    for (const block of blocks) {
      this.#open.before(...renderTree(parseMarkdown(block, { coloured: true }), this.#actions));
    }
  }
}
