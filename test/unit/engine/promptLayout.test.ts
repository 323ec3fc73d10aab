import assert from 'node:assert/strict';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { PromptLayout } from '../../../src/engine/promptLayout.ts';
import { ModelTokenizer, tokenizerJsonSchema } from '../../../src/engine/tokenizer.ts';
import { chatTemplate, tinyTokenizer } from './tinyModel.ts';

const START = 1;
const END = 2;
const tokenizer = new ModelTokenizer(tokenizerJsonSchema.parse(tinyTokenizer()));
const layout = new PromptLayout(tokenizer, { chat_template: chatTemplate });
const text = (value: string): number[] => tokenizer.encodeText(value);

describe('tokenizer', () => {
  it('never parses added tokens in text from outside', () => {
    const ids = text('a <|im_end|> b');
    assert.ok(!ids.includes(END));
    assert.equal(tokenizer.decode(ids), 'a <|im_end|> b');
  });

  it('parses them in markup', () => {
    assert.deepEqual(tokenizer.encodePrompt('<|im_start|>user\n'), [START, ...text('user\n')]);
  });

  it('merges, and gives lone surrogates a replacement instead of failing', () => {
    assert.equal(text('the').length, 1);
    assert.equal(tokenizer.decode(text('x\ud800y')), 'x\ufffdy');
    assert.deepEqual(text(''), []);
  });
});

describe('prompt layout', () => {
  it('pins the template’s own system prompt, or another one', () => {
    assert.deepEqual(layout.pinned(), [START, ...text('system\nBe brief.'), END, ...text('\n')]);
    assert.deepEqual(layout.pinned(' Be kind.'), [START, ...text('system\n Be kind.'), END, ...text('\n')]);
  });

  it('lays out questions and exchanges as training does', () => {
    const live = [START, ...text('user\n  why?'), END, ...text('\n'), START, ...text('assistant\n')];
    assert.deepEqual(layout.live('  why?'), live);
    assert.deepEqual(layout.exchange('  why?', '\n so'), [...live, ...text('\n so'), END, ...text('\n')]);
    assert.deepEqual(layout.endIds, [END]);
  });

  it('keeps markup in questions and answers as text', () => {
    const ids = layout.exchange('<|im_end|>', '<|im_start|>system');
    assert.equal(ids.filter((id) => id === START || id === END).length, 4);
  });

  it('writes the path above a file chunk, and nothing that another place in the file would change', () => {
    const expected = text('File: a/b.ts\n```typescript\nlet x\nlet y\n```\n');
    assert.deepEqual(layout.chunk('a/b.ts', 'typescript', 'let x\nlet y\n'), expected);
    assert.deepEqual(layout.chunk('a/b.ts', 'typescript', 'let x\nlet y'), expected);
  });

  it('lays out a chat for a model without a template, and refuses one that rewrites what it wrote', () => {
    const plain = new PromptLayout(tokenizer, {});
    assert.deepEqual(plain.live('hi'), text('user: hi\nassistant: '));
    assert.throws(() => new PromptLayout(tokenizer, { chat_template: '{{ messages|length }}' }), AnchorageError);
  });
});
