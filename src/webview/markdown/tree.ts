/**
 * What rendered Markdown may consist of, as data: no raw HTML exists here, so nothing that a model or a file
 * says can become markup. `renderTree.ts` turns it into DOM nodes.
 */
export type TreeNode = string | TreeElement | TreeLink | TreeCode;

/** Every element that Markdown can make on the page. */
export const treeTags = [
  'blockquote',
  'br',
  'code',
  'em',
  'h3',
  'h4',
  'h5',
  'h6',
  'hr',
  'li',
  'ol',
  'p',
  's',
  'span',
  'strong',
  'table',
  'tbody',
  'td',
  'th',
  'thead',
  'tr',
  'ul',
] as const;

export type TreeTag = (typeof treeTags)[number];

export interface TreeElement {
  readonly kind: 'element';
  readonly tag: TreeTag;
  /** Class names of ours, never from the text. */
  readonly className: string;
  /** First number of an ordered list, else null. */
  readonly start: number | null;
  readonly children: readonly TreeNode[];
}

export interface TreeLink {
  readonly kind: 'link';
  /** An http or https URL. */
  readonly href: string;
  readonly children: readonly TreeNode[];
}

export interface TreeCode {
  readonly kind: 'code';
  readonly language: string;
  /** The code as it was written: what Copy and Insert hand on. */
  readonly source: string;
  readonly children: readonly TreeNode[];
}

export function isTreeTag(tag: string): tag is TreeTag {
  return (treeTags as readonly string[]).includes(tag);
}

/** The words of a tree, without markup; code blocks are named by `describeCode` instead of read out. */
export function plainText(nodes: readonly TreeNode[], describeCode: (code: TreeCode) => string): string {
  return nodes.map((node) => plainTextOf(node, describeCode)).join('');
}

const blockTags: readonly TreeTag[] = ['p', 'li', 'h3', 'h4', 'h5', 'h6', 'tr', 'td', 'th', 'br', 'hr'];

function plainTextOf(node: TreeNode, describeCode: (code: TreeCode) => string): string {
  if (typeof node === 'string') {
    return node;
  }
  if (node.kind === 'code') {
    return `${describeCode(node)}\n`;
  }
  const text = plainText(node.children, describeCode);
  return node.kind === 'element' && blockTags.includes(node.tag) ? `${text}\n` : text;
}
