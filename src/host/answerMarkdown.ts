const fence = /^ {0,3}(`{3,}|~{3,})(.*)$/;

interface Block {
  /** The characters that opened the block, and that at least as many of must end it. */
  readonly mark: string;
  readonly lines: string[];
}

/**
 * Model output made safe to render as Markdown: no image is left in it, since rendering one would fetch its address.
 * Code blocks stay as they are, one that is still being written included.
 */
export function answerMarkdown(text: string): string {
  return walk(text, (line, block) => (block === undefined ? line.replaceAll('![', '!\\[') : line)).lines.join('\n');
}

/** The code of the last fenced block of an answer; undefined if it has none. */
export function lastCodeBlock(text: string): string | undefined {
  return walk(text, (line) => line)
    .blocks.at(-1)
    ?.lines.join('\n');
}

/** Goes through the lines and the fenced blocks (CommonMark 4.5); the fences themselves are left as they are. */
function walk(
  text: string,
  change: (line: string, block: Block | undefined) => string,
): { readonly lines: readonly string[]; readonly blocks: readonly Block[] } {
  const blocks: Block[] = [];
  let open: Block | undefined;
  const lines = text.split('\n').map((line) => {
    const [, mark = '', info = ''] = fence.exec(line) ?? [];
    if (open === undefined && mark !== '' && !(mark.startsWith('`') && info.includes('`'))) {
      open = { mark, lines: [] };
      blocks.push(open);
      return line;
    }
    if (open !== undefined && mark.startsWith(open.mark) && info.trim() === '') {
      open = undefined;
      return line;
    }
    open?.lines.push(line);
    return change(line, open);
  });
  return { lines, blocks };
}
