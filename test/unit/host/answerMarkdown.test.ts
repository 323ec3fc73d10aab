import assert from 'node:assert/strict';
import MarkdownIt from 'markdown-it';
import { answerMarkdown, escapeMarkdown, lastCodeBlock, withClosedCode } from '../../../src/host/answerMarkdown.ts';

/** As VS Code's preview reads Markdown. */
const preview = new MarkdownIt({ html: true, linkify: true });

/** What rendering would fetch or take as HTML. */
function activeParts(markdown: string): readonly string[] {
  return preview
    .parse(markdown, {})
    .flatMap((token) => [token, ...(token.children ?? [])])
    .filter(({ type }) => type === 'image' || type.startsWith('html'))
    .map(({ type, content }) => `${type}: ${content}`);
}

const url = 'https://evil.example/x.png';
const image = `![x](${url})`;
const hostile: Readonly<Record<string, string>> = {
  'an image': `a ${image} b`,
  'an image by reference': `![x][y] and ![y]\n\n[y]: ${url}`,
  'an image in a link, a heading, a quote and a table': `[${image}](u)\n\n# ${image}\n\n> ${image}\n\n| a |\n| - |\n| ${image} |`,
  'an image tag': `<img src="${url}">`,
  'an image tag in text': `text <img src=${url}> text`,
  'an HTML block': `<div>\n<img src=${url}>\n</div>`,
  'an HTML block in a list': `- a\n  <iframe src=${url}></iframe>`,
  'a comment, an instruction and a declaration': '<!-- a -->\n\n<?php ?>\n\n<!DOCTYPE html>',
  'escaped backslashes': `\\\\<img src=${url}> \\\\${image}`,
  'an image after a fence in a list': `- \`\`\`\n  code\n  \`\`\`\n\n${image}`,
  'an image after a fence that a quote ends': `> \`\`\`\n> code\n\n${image}`,
  'an image after a fence in a nested list': `1. a\n   - ~~~\n     b\n\n${image}`,
  'an image after an unpaired backtick': `\`a ${image}`,
  'an image after backticks of another length': `\`\`a\` ${image}`,
  'an image after an escaped backtick': `\\\`a ${image} \`b\``,
  'an image after backticks in an address': `[a](x\`) ${image} \``,
  'an image after backticks in two cells': `| a | b |\n| - | - |\n| \` | ${image} \` |`,
  'a tag in a code span of several lines': `\`a\n<div><img src=${url}>\n\``,
  'a definition that escaping makes': `[y]: <\`\n${image}\``,
  'a definition that escaping ends': `[y]: <\`>\n\`${image}\``,
  'a definition that a tag ends': `[y]:\n<iframe src="${url}">`,
  'an image between carriage returns': `a\r\r${image}\r\n${image}`,
};

describe('answers as Markdown', () => {
  for (const [name, markdown] of Object.entries(hostile)) {
    it(`fetch nothing: ${name}`, () => {
      const safe = answerMarkdown(markdown);
      assert.deepEqual(activeParts(safe), [], safe);
      assert.equal(answerMarkdown(safe), safe);
    });
  }

  it('show HTML and images as the text that they are', () => {
    assert.equal(answerMarkdown('It has a `<p>` and a <title> tag.'), 'It has a `<p>` and a &lt;title> tag.');
    assert.equal(answerMarkdown('a ![x](u) b ![y][z]'), 'a !&#91;x](u) b !&#91;y][z]');
    assert.equal(answerMarkdown('\\<b> \\![x](u)'), '\\<b> \\![x](u)');
  });

  it('keep code as it is, wherever it stands, also in a block that is still open', () => {
    const active = `<b> ${image} $x$`;
    for (const code of [
      `\`${active}\``,
      `\`\` \`${active} \`\``,
      `\`\`\`md\n${active}\n\`\`\``,
      `~~~\n${active}`,
      `    ${active}`,
      `- a\n\n  \`\`\`html\n  ${active}\n  \`\`\``,
      `1. a\n\n       ${active}`,
      `> \`\`\`\n> ${active}`,
      `| a |\n| - |\n| \`<b>\` |`,
    ]) {
      assert.equal(answerMarkdown(code), code);
    }
    assert.equal(answerMarkdown('````\n```\n<b>\n````\n<i>'), '````\n```\n<b>\n````\n&lt;i>');
    assert.equal(answerMarkdown('``` no fence` \n<b>'), '``` no fence` \n&lt;b>');
  });

  it('have no formulas and diagrams, which the preview reads before code', () => {
    assert.equal(answerMarkdown('$`$ and $$'), '\\$`\\$ and \\$\\$');
    assert.equal(answerMarkdown('\\begin{a}\n\\\\begin'), '\\\\begin{a}\n\\\\begin');
    assert.equal(answerMarkdown('```mermaid\ngraph\n```'), '```text\ngraph\n```');
  });

  it('have no image where comments, which another parser reads, begin code elsewhere', () => {
    for (const text of [
      `\`\`\`${image}\ncode\n\`\`\``,
      `~~~\`\`${image}\`\``,
      `${url}\`${image}\``,
      `[y]: ${image}`,
      `[a ${image} b](u)`,
    ]) {
      const safe = answerMarkdown(text);
      assert.ok(!safe.includes('![') || safe.startsWith('~~\\~``'), safe);
      assert.ok(!safe.includes('!\\['), 'comments take the backslash out of the text of a link');
    }
  });

  it('give their last code block, whole or still open, without the indentation of its list', () => {
    assert.equal(lastCodeBlock('text'), undefined);
    assert.equal(lastCodeBlock('```ts\na\n```\nthen\n~~~\nb\n\nc\n~~~\nend'), 'b\n\nc');
    assert.equal(lastCodeBlock('```ts\nlet a;\nlet b;'), 'let a;\nlet b;');
    assert.equal(lastCodeBlock('```\n```'), '');
    assert.equal(lastCodeBlock('1. First:\n   ```py\n   if a:\n       b\n   ```\n2. Then'), 'if a:\n    b');
  });

  it('can be added to after a code block that was cut off', () => {
    assert.equal(withClosedCode('a\n\n```ts\nlet a'), 'a\n\n```ts\nlet a\n```');
    assert.equal(withClosedCode('~~~~\n~~~'), '~~~~\n~~~\n~~~~');
    for (const whole of ['', 'text', '```\na\n```', '- ```\n  a', '```\na\n```\ntext', '    code']) {
      assert.equal(withClosedCode(whole), whole);
    }
  });

  it('name files by what they are called', () => {
    const name = '__init__ [a](b) `c` <d> $e$ &amp; \\*.py';
    assert.equal(preview.renderInline(escapeMarkdown(name)), MarkdownIt().utils.escapeHtml(name));
  });
});
