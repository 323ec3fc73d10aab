import assert from 'node:assert/strict';
import { chatState, exchange, memoryOf, running } from './chatStates.ts';
import { useChat } from './useChat.ts';

/** Text that would run, load, navigate or restyle something wherever it became markup. */
const attacks = [
  '<script>window.attacked = true</script>',
  '<img src=x onerror="window.attacked = true">',
  '<svg onload="window.attacked = true"><style>*{display:none}</style></svg>',
  '<iframe src="javascript:parent.attacked = true"></iframe>',
  '<a href="javascript:window.attacked = true">x</a>',
  '[x](javascript:window.attacked=true)',
  '[x](data:text/html,<script>window.attacked=true</script>)',
  '<javascript:window.attacked=true>',
  '![x](https://example.org/tracker.png)',
  '![x](x" onerror="window.attacked=true)',
  '"><form action="https://example.org"><button>Send</button></form>',
  '<base href="https://example.org"><meta http-equiv="refresh" content="0;url=https://example.org">',
];
const attack = attacks.join('\n\n');

describe('chat page: hostile text', function () {
  this.timeout(10_000);
  const open = useChat();

  it('is inert wherever a model, a file or a session can put it', async () => {
    const chat = await open();
    const chip = { id: attack, label: attack, detail: attack };
    const memory = memoryOf(['anchored', 'live']);
    const attachment = { kind: 'file' as const, path: `src/${attack}`, languageId: 'ts', startLine: 1, lines: 3 };
    const why = { kind: 'words' as const, words: [attack] };
    const reread = { sequenceId: attack, label: attack, tokens: 1, why };
    await chat.show(
      chatState({
        title: attack,
        exchanges: [exchange('e1', attack, attack, { attachments: [attachment], rehydrated: [reread, reread] })],
        attachments: [chip],
        memory: {
          ...memory,
          sequences: memory.sequences.map((sequence) => ({ ...sequence, id: attack + sequence.id, label: attack })),
        },
        model: { state: 'failed', error: { message: attack, remedy: attack, action: 'showLog' } },
        error: { message: attack, remedy: attack, action: 'retry' },
        running: running({ question: attack, attachments: [chip], text: attack.slice(0, 40), stage: 'answering' }),
      }),
    );
    await chat.post({ type: 'token', requestId: 'request-1', text: attack.slice(40) });
    await chat.page.getByRole('option').last().hover();
    await chat.post({ type: 'sequenceText', sequenceId: `${attack}s2`, text: attack });
    await chat.drawn();
    assert.equal(await chat.page.locator('.tip-text').innerText(), attack);
    await chat.page.getByRole('button', { name: 'Edit the question' }).dispatchEvent('click');
    await chat.page.getByRole('button', { name: 'Sessions' }).click();
    const session = { id: attack, title: attack, updatedAt: 0, exchanges: 1 };
    await chat.post({ type: 'sessions', sessions: [session] });
    await chat.page.locator('.session').waitFor();
    await chat.page.getByRole('searchbox').fill('x');
    const excerpt = [{ text: attack, isMatch: true }];
    await chat.post({ type: 'found', query: 'x', hits: [{ session, exchangeId: 'e1', excerpt }] });
    await chat.page.locator('mark').waitFor();
    await chat.page.waitForTimeout(200);

    assert.equal(await chat.page.evaluate('window.attacked'), undefined);
    const made = `document.querySelectorAll('#root :is(script, img, iframe, style, base, meta, form, object, embed, link)').length`;
    assert.equal(await chat.page.evaluate(made), 0);
    const handlers = `[...document.querySelectorAll('#root *')].flatMap((e) => e.getAttributeNames()).filter((name) => name.startsWith('on')).length`;
    assert.equal(await chat.page.evaluate(handlers), 0);
    const targets = await chat.page
      .locator('#root a')
      .evaluateAll((links) => links.map((link) => link.getAttribute('href')));
    assert.ok(targets.length > 0);
    for (const target of targets) {
      assert.match(target ?? '', /^https:\/\/example\.org\/(tracker\.png)?$/);
    }
  });

  it('is inert in code, whatever its language', async () => {
    const chat = await open();
    const answer = ['html', 'js', 'diff', '"><b>', ''].map((name) => `\`\`\`${name}\n${attack}\n\`\`\``).join('\n\n');
    await chat.show(chatState({ exchanges: [exchange('e1', 'q', answer)] }));
    assert.equal(await chat.page.evaluate('window.attacked'), undefined);
    assert.equal(await chat.page.locator('.code-block').count(), 5);
    assert.equal(await chat.page.locator('.code-block :is(script, img, svg:not(.icon), iframe, a, b)').count(), 0);
    assert.equal(await chat.page.locator('.code-block code').nth(0).innerText(), attack);
  });

  it('does not follow a link that text or a page state brings, and shows where a link leads', async () => {
    const chat = await open();
    await chat.show(chatState({ exchanges: [exchange('e1', 'q', '[the manual](https://example.org/else)')] }));
    const link = chat.page.getByRole('link', { name: 'the manual' });
    assert.equal(await link.getAttribute('title'), 'https://example.org/else');
    assert.match(chat.page.url(), /\/dark\.html$/);
  });

  it('ignores messages that are not the host’s', async () => {
    const chat = await open();
    await chat.show(chatState({ title: 'Kept' }));
    await chat.page.evaluate(
      `for (const data of [null, 7, 'state', {}, { type: 'no' }, { type: 1 }]) window.postMessage(data)`,
    );
    await chat.drawn();
    assert.equal(await chat.page.getByRole('heading', { level: 1 }).innerText(), 'Kept');
  });
});
