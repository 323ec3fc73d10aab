import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { z } from 'zod';

const styles = new URL('../../../src/webview/styles/', import.meta.url);
const themes = new URL('../../ui/page/themes.json', import.meta.url);
/** Set by the editor for every theme alike. */
const fonts = ['font-family', 'font-size', 'editor-font-family'];

describe('style sheets of the chat page', () => {
  const css = readdirSync(styles)
    .map((name) => readFileSync(new URL(name, styles), 'utf8'))
    .join('\n');

  it('use colours that VS Code has, and no colours of their own', () => {
    const known = z
      .record(z.string(), z.record(z.string(), z.string()))
      .parse(JSON.parse(readFileSync(themes, 'utf8')));
    const names = new Set([...fonts, ...Object.values(known).flatMap((theme) => Object.keys(theme))]);
    const used = [...css.matchAll(/var\(--vscode-([\w-]+)/g)].map((match) => match[1] ?? '');
    assert.deepEqual(
      used.filter((name) => !names.has(name)),
      [],
    );
    assert.ok(used.length > 50);
    assert.doesNotMatch(css.replace(/color-mix\(/g, ''), /#[0-9a-f]{3,8}\b|\b(?:rgb|hsl)a?\(|url\(/i);
  });
});
