import type { TreeNode } from './tree.ts';

/**
 * Receives highlight.js's tokens as a tree instead of HTML text, so that code reaches the page without being parsed as HTML.
 * A scope `title.function` becomes the classes `hl-title hl-function`.
 */
export class TokenEmitter {
  readonly nodes: TreeNode[] = [];
  readonly #open: { readonly scope: string; readonly children: TreeNode[] }[] = [];

  addText(text: string): void {
    if (text !== '') {
      this.#children().push(text);
    }
  }

  startScope(scope: string): void {
    this.#open.push({ scope, children: [] });
  }

  endScope(): void {
    const closed = this.#open.pop();
    if (closed) {
      this.#children().push(span(classesOf(closed.scope), closed.children));
    }
  }

  /** The names under which highlight.js calls the two above for scopes of whole modes. */
  openNode(scope: string): void {
    this.startScope(scope);
  }

  closeNode(): void {
    this.endScope();
  }

  __addSublanguage(emitter: unknown): void {
    if (emitter instanceof TokenEmitter) {
      this.#children().push(...emitter.nodes);
    }
  }

  finalize(): void {
    while (this.#open.length > 0) {
      this.endScope();
    }
  }

  toHTML(): string {
    return '';
  }

  #children(): TreeNode[] {
    return this.#open.at(-1)?.children ?? this.nodes;
  }
}

function span(className: string, children: readonly TreeNode[]): TreeNode {
  return { kind: 'element', tag: 'span', className, start: null, children };
}

function classesOf(scope: string): string {
  return scope
    .split('.')
    .map((part) => `hl-${part}`)
    .join(' ');
}
