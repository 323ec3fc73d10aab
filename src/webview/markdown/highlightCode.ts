import hljs from 'highlight.js/lib/core';
import bash from 'highlight.js/lib/languages/bash';
import c from 'highlight.js/lib/languages/c';
import cpp from 'highlight.js/lib/languages/cpp';
import css from 'highlight.js/lib/languages/css';
import diff from 'highlight.js/lib/languages/diff';
import go from 'highlight.js/lib/languages/go';
import java from 'highlight.js/lib/languages/java';
import javascript from 'highlight.js/lib/languages/javascript';
import json from 'highlight.js/lib/languages/json';
import python from 'highlight.js/lib/languages/python';
import rust from 'highlight.js/lib/languages/rust';
import sql from 'highlight.js/lib/languages/sql';
import typescript from 'highlight.js/lib/languages/typescript';
import xml from 'highlight.js/lib/languages/xml';
import yaml from 'highlight.js/lib/languages/yaml';
import { TokenEmitter } from './tokenEmitter.ts';
import type { TreeNode } from './tree.ts';

const languages = { bash, c, cpp, css, diff, go, java, javascript, json, python, rust, sql, typescript, xml, yaml };

for (const [name, definition] of Object.entries(languages)) {
  hljs.registerLanguage(name, definition);
}
hljs.registerAliases(['jsonc', 'json5'], { languageName: 'json' });
hljs.registerAliases(['typescriptreact'], { languageName: 'typescript' });
hljs.registerAliases(['javascriptreact'], { languageName: 'javascript' });
hljs.registerAliases(['shellscript'], { languageName: 'bash' });
hljs.configure({ __emitter: TokenEmitter });

/** Longer code stays plain, so that no answer can hold up the page. */
const maxCharacters = 50_000;

/** Code as spans of token classes; plain where the language is unknown. */
export function highlightCode(source: string, language: string): readonly TreeNode[] {
  if (source.length > maxCharacters || !hljs.getLanguage(language)) {
    return [source];
  }
  const emitter = hljs.highlight(source, { language, ignoreIllegals: true })._emitter;
  return emitter instanceof TokenEmitter ? emitter.nodes : [source];
}
