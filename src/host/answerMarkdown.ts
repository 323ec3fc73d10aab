const fence = /^ {0,3}(?:`{3,}|~{3,})/;

/**
 * Model output made safe to render as Markdown: no image is left in it, since rendering one would fetch its address.
 * Code blocks stay as they are, one that is still being written included.
 */
export function answerMarkdown(text: string): string {
  let inFence = false;
  return text
    .split('\n')
    .map((line) => {
      if (fence.test(line)) {
        inFence = !inFence;
        return line;
      }
      return inFence ? line : line.replaceAll('![', '!\\[');
    })
    .join('\n');
}

/** The code of the last fenced block of an answer; undefined if it has none. */
export function lastCodeBlock(text: string): string | undefined {
  const blocks = [...text.matchAll(/^ {0,3}(`{3,}|~{3,})[^\n]*\n(.*?)(?:\n {0,3}\1|$(?![\s\S]))/gms)];
  return blocks.at(-1)?.[2];
}
