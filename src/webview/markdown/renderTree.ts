import { button, element } from '../dom.ts';
import { strings } from '../strings.ts';
import type { TreeCode, TreeElement, TreeNode } from './tree.ts';

/** What the buttons of a code block do. */
export interface CodeActions {
  copy(text: string): void;
  insert(text: string): void;
}

/** Turns a tree into DOM nodes. Without `actions` code blocks have no buttons: their code is still being written. */
export function renderTree(nodes: readonly TreeNode[], actions: CodeActions | null): Node[] {
  return nodes.map((node) => renderNode(node, actions));
}

function renderNode(node: TreeNode, actions: CodeActions | null): Node {
  if (typeof node === 'string') {
    return document.createTextNode(node);
  }
  switch (node.kind) {
    case 'element':
      return renderElement(node, actions);
    case 'link':
      // The address is shown on hover, as the text of a link may say something else. The editor asks before it opens one.
      return element(
        'a',
        { href: node.href, title: node.href, rel: 'noreferrer' },
        ...renderTree(node.children, actions),
      );
    case 'code':
      return renderCode(node, actions);
  }
}

function renderElement(node: TreeElement, actions: CodeActions | null): Node {
  const attributes = { class: node.className || null, start: node.start };
  const made = element(node.tag, attributes, ...renderTree(node.children, actions));
  return node.tag === 'table' ? element('div', { class: 'table-scroller' }, made) : made;
}

function renderCode(node: TreeCode, actions: CodeActions | null): Node {
  const code = element('code', {}, ...renderTree(node.children, null));
  return element(
    'div',
    { class: 'code-block' },
    element(
      'div',
      { class: 'code-bar' },
      element('span', { class: 'code-language' }, node.language || strings.plainCode),
      ...(actions ? codeButtons(node.source, actions) : []),
    ),
    // In the Tab order, as long lines are scrolled with the arrow keys.
    element('pre', { tabindex: 0, role: 'group', 'aria-label': strings.codeBlock(node.language) }, code),
  );
}

function codeButtons(source: string, actions: CodeActions): Node[] {
  return [
    button({
      label: strings.copy,
      description: strings.copyCode,
      done: strings.copied,
      className: 'quiet',
      onClick: () => actions.copy(source),
    }),
    button({
      label: strings.insert,
      description: strings.insertCode,
      done: strings.inserted,
      className: 'quiet',
      onClick: () => actions.insert(source),
    }),
  ];
}
