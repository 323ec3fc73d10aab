import MarkdownIt from 'markdown-it';
import { highlightCode } from './highlightCode.ts';
import { allowedUrl } from './linkPolicy.ts';
import { isTreeTag, type TreeNode, type TreeTag } from './tree.ts';

const parser = new MarkdownIt({ html: false, linkify: true, breaks: false, typographer: false });
// Names such as `main.rs` or `setup.sh` are files here, not hosts.
parser.linkify.set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false });

type Token = ReturnType<typeof parser.parse>[number];

/** Headings of an answer stand below those of the page. */
const headings: Readonly<Record<string, TreeTag>> = { h1: 'h3', h2: 'h3', h3: 'h4', h4: 'h5', h5: 'h6', h6: 'h6' };

/**
 * Parses Markdown of unknown origin to a tree. HTML in it stays text; links that are not http(s) become their text; images become
 * their description, as a link where their address allows it: nothing is ever loaded.
 */
export function parseMarkdown(source: string, options: MarkdownOptions = { coloured: false }): readonly TreeNode[] {
  return build(parser.parse(source, {}), options);
}

export interface MarkdownOptions {
  /** Whether code is marked by its language's tokens. */
  readonly coloured: boolean;
}

interface OpenNode {
  readonly token: Token;
  readonly children: TreeNode[];
}

function build(tokens: readonly Token[], options: MarkdownOptions): readonly TreeNode[] {
  const root: TreeNode[] = [];
  const open: OpenNode[] = [];
  for (const token of tokens) {
    const siblings = open.at(-1)?.children ?? root;
    if (token.nesting === 1) {
      open.push({ token, children: [] });
    } else if (token.nesting === -1) {
      const closed = open.pop();
      if (closed) {
        (open.at(-1)?.children ?? root).push(...close(closed));
      }
    } else {
      siblings.push(...leaf(token, options));
    }
  }
  return root;
}

function close({ token, children }: OpenNode): readonly TreeNode[] {
  if (token.type === 'link_open') {
    const href = allowedUrl(attribute(token, 'href'));
    return href === null ? children : [{ kind: 'link', href, children }];
  }
  // Paragraphs of a tight list are hidden: their content stands in the item itself.
  if (token.hidden) {
    return children;
  }
  const tag = headings[token.tag] ?? token.tag;
  return isTreeTag(tag) ? [element(tag, children, alignment(token), startOf(token))] : children;
}

function leaf(token: Token, options: MarkdownOptions): readonly TreeNode[] {
  switch (token.type) {
    case 'inline':
      return build(token.children ?? [], options);
    case 'text':
    case 'text_special':
      return token.content === '' ? [] : [token.content];
    case 'softbreak':
      return ['\n'];
    case 'hardbreak':
      return [element('br', [])];
    case 'code_inline':
      return [element('code', [token.content])];
    case 'hr':
      return [element('hr', [])];
    case 'fence':
      return [code(token.content, token.info, options)];
    case 'code_block':
      return [code(token.content, '', options)];
    case 'image':
      return image(token);
    default:
      return [token.content];
  }
}

function image(token: Token): readonly TreeNode[] {
  const src = attribute(token, 'src');
  const href = allowedUrl(src);
  const description = token.content || src;
  return href === null ? [description] : [{ kind: 'link', href, children: [description] }];
}

function code(content: string, info: string, { coloured }: MarkdownOptions): TreeNode {
  const source = content.replace(/\n$/, '');
  const language = /^[\w#+.-]{1,20}/.exec(info.trim())?.[0].toLowerCase() ?? '';
  return { kind: 'code', language, source, children: coloured ? highlightCode(source, language) : [source] };
}

function element(tag: TreeTag, children: readonly TreeNode[], className = '', start: number | null = null): TreeNode {
  return { kind: 'element', tag, className, start, children };
}

function attribute(token: Token, name: string): string {
  return String(token.attrGet(name) ?? '');
}

function alignment(token: Token): string {
  const align = /^text-align:(left|center|right)$/.exec(attribute(token, 'style'))?.[1];
  return align === undefined ? '' : `align-${align}`;
}

function startOf(token: Token): number | null {
  const start = token.tag === 'ol' ? Number(attribute(token, 'start') || 1) : 1;
  return start === 1 || !Number.isSafeInteger(start) ? null : start;
}
