import assert from 'node:assert/strict';
import { highlightCode } from '../../../src/webview/markdown/highlightCode.ts';
import { plainText, type TreeNode } from '../../../src/webview/markdown/tree.ts';

const samples: Readonly<Record<string, string>> = {
  bash: 'for f in *.txt; do echo "$f"; done # all',
  c: '#include <stdio.h>\nint main(void) { return 0; }',
  cpp: 'template <typename T> T twice(T x) { return x + x; }',
  css: 'a:hover { color: #fff; }',
  diff: '--- a\n+++ b\n@@ -1 +1 @@\n-x\n+y',
  go: 'func main() { fmt.Println("x") }',
  java: 'public class A { @Override int f() { return 1; } }',
  js: 'const a = `x${1 + f("y")}` // z',
  json: '{"a": [1, true, null]}',
  py: 'def f(x: int) -> str:\n    return f"{x}"',
  rust: 'fn main() { let s: &\'static str = "x"; }',
  sql: "SELECT a FROM b WHERE c = 'd'",
  tsx: 'interface A { readonly b?: string }',
  html: '<p class="a">x<script>let y = 1;</script></p>',
  yaml: 'a:\n  - b: "c"',
};

const text = (nodes: readonly TreeNode[]): string => plainText(nodes, ({ source }) => source);

function classes(nodes: readonly TreeNode[]): readonly string[] {
  return nodes.flatMap((node) =>
    typeof node === 'string' || node.kind !== 'element' ? [] : [node.className, ...classes(node.children)],
  );
}

describe('highlightCode', () => {
  for (const [language, source] of Object.entries(samples)) {
    it(`marks ${language} and changes none of its text`, () => {
      const nodes = highlightCode(source, language);
      assert.equal(text(nodes), source);
      assert.ok(classes(nodes).length > 0);
      for (const name of classes(nodes)) {
        assert.match(name, /^hl-[a-z_-]+( hl-[a-z_-]+)*$/);
      }
    });
  }

  it('leaves code of an unknown language and very long code plain', () => {
    assert.deepEqual(highlightCode('x <- 1', 'r'), ['x <- 1']);
    const long = 'let a = 1;\n'.repeat(10_000);
    assert.deepEqual(highlightCode(long, 'js'), [long]);
  });
});
