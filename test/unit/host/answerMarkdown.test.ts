import assert from 'node:assert/strict';
import { answerMarkdown, lastCodeBlock } from '../../../src/host/answerMarkdown.ts';

describe('answers as Markdown', () => {
  it('have no images, inline or by reference', () => {
    assert.equal(answerMarkdown('a ![x](http://e/x.png) b ![y][z]'), 'a !\\[x](http://e/x.png) b !\\[y][z]');
  });

  it('keep code as it is, also in a block that is still open', () => {
    const code = '```md\n![x](a)\n```';
    assert.equal(answerMarkdown(code), code);
    assert.equal(answerMarkdown('~~~\n![x](a)'), '~~~\n![x](a)');
    assert.equal(answerMarkdown(`${code}\n![x](a)`), `${code}\n!\\[x](a)`);
  });

  it('end a block only where Markdown does', () => {
    assert.equal(answerMarkdown('````\n```\n![x](a)\n````\n![y](b)'), '````\n```\n![x](a)\n````\n!\\[y](b)');
    assert.equal(answerMarkdown('```\n~~~\n![x](a)\n```\n![y](b)'), '```\n~~~\n![x](a)\n```\n!\\[y](b)');
    assert.equal(answerMarkdown('``` not a fence` \n![y](b)'), '``` not a fence` \n!\\[y](b)');
  });

  it('give their last code block, whole or still open', () => {
    assert.equal(lastCodeBlock('text'), undefined);
    assert.equal(lastCodeBlock('```ts\na\n```\nthen\n~~~\nb\n\nc\n~~~\nend'), 'b\n\nc');
    assert.equal(lastCodeBlock('```ts\nlet a;\nlet b;'), 'let a;\nlet b;');
    assert.equal(lastCodeBlock('```\n```'), '');
  });
});
