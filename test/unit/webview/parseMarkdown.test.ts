import assert from 'node:assert/strict';
import { parseMarkdown } from '../../../src/webview/markdown/parseMarkdown.ts';
import { plainText, type TreeNode } from '../../../src/webview/markdown/tree.ts';

const text = (nodes: readonly TreeNode[]): string => plainText(nodes, ({ source }) => source);

function all(nodes: readonly TreeNode[]): readonly TreeNode[] {
  return nodes.flatMap((node) => (typeof node === 'string' ? [node] : [node, ...all(node.children)]));
}

function links(source: string): readonly string[] {
  return all(parseMarkdown(source)).flatMap((node) =>
    typeof node !== 'string' && node.kind === 'link' ? [node.href] : [],
  );
}

describe('parseMarkdown', () => {
  it('leaves HTML as text', () => {
    const source = '<script>alert(1)</script> and <img src=x onerror=alert(1)>\n\n<div onclick="x">y</div>';
    const nodes = parseMarkdown(source);
    assert.deepEqual(
      all(nodes).flatMap((node) => (typeof node === 'string' || node.kind !== 'element' ? [] : [node.tag])),
      ['p', 'p'],
    );
    assert.equal(text(nodes), source.replace('\n\n', '\n') + '\n');
  });

  it('links to http and https alone', () => {
    assert.deepEqual(links('[a](https://example.org/x?y=1) <http://example.org/> https://example.org/z'), [
      'https://example.org/x?y=1',
      'http://example.org/',
      'https://example.org/z',
    ]);
    for (const target of [
      'javascript:alert(1)',
      'JaVaScRiPt:alert(1)',
      'data:text/html,x',
      'vbscript:x',
      'file:///etc',
      'command:x',
      'src/a.ts',
      '//host/x',
      'mailto:a@b.c',
      '&#106;avascript:alert(1)',
      'vscode://x',
    ]) {
      assert.deepEqual(links(`[a](${target})`), [], target);
      assert.deepEqual(links(`[a][r]\n\n[r]: ${target}`), [], target);
      assert.deepEqual(links(`<${target}>`), [], target);
    }
  });

  it('refuses links that pose as another host by a user name', () => {
    assert.deepEqual(links('[a](https://github.com@example.org/)'), []);
  });

  it('does not take file names for hosts', () => {
    assert.deepEqual(links('See main.rs, setup.sh and me@example.org.'), []);
  });

  it('shows images as links and loads nothing', () => {
    const nodes = parseMarkdown('![a chart](https://example.org/x.png) ![b](data:image/png;base64,AA)');
    assert.deepEqual(links('![a chart](https://example.org/x.png)'), ['https://example.org/x.png']);
    assert.match(text(nodes), /^a chart /);
  });

  it('sets headings below those of the page', () => {
    assert.deepEqual(
      parseMarkdown('# a\n## b\n###### c').map((node) =>
        typeof node !== 'string' && node.kind === 'element' ? node.tag : '',
      ),
      ['h3', 'h3', 'h6'],
    );
  });

  it('keeps the source of code as it was written, beside its highlighted form', () => {
    const [code] = parseMarkdown('```TypeScript title="x"\nconst a = "<b>";\n\n```\n', { coloured: true });
    assert.ok(typeof code === 'object' && code.kind === 'code');
    assert.equal(code.language, 'typescript');
    assert.equal(code.source, 'const a = "<b>";\n');
    assert.equal(text(code.children), code.source);
    assert.ok(code.children.length > 3);
  });

  it('keeps the first number of a list and the alignment of a column', () => {
    const [list, table] = parseMarkdown('3. a\n\n|x|\n|:-:|\n|y|\n');
    assert.ok(typeof list === 'object' && list.kind === 'element');
    assert.equal(list.start, 3);
    const cells =
      table === undefined
        ? []
        : all([table]).filter((node) => typeof node !== 'string' && node.kind === 'element' && node.tag === 'td');
    assert.equal(cells.length, 1);
    assert.ok(typeof cells[0] === 'object' && cells[0].kind === 'element');
    assert.equal(cells[0].className, 'align-center');
  });
});
