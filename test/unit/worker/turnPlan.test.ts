import assert from 'node:assert/strict';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import type { Attachment } from '../../../src/protocol/worker.ts';
import { shortPath } from '../../../src/worker/shortPath.ts';
import { checkRoom, planTurn, roomNeeded } from '../../../src/worker/turnPlan.ts';
import { FakeModel } from './fakeModel.ts';

const model = new FakeModel({ read: 0, write: 0 });

function attachment(kind: Attachment['kind'], text: string, path = 'a.ts'): Attachment {
  return { kind, path, languageId: 'typescript', startLine: 7, text, symbolLines: [] };
}

function plan(
  question: string,
  attachments: readonly Attachment[] = [],
  task: 'chat' | 'explain' | 'summarize' = 'chat',
) {
  return planTurn(model, { task, question, attachments });
}

describe('turn plan', () => {
  it('reads a short selection whole, in front of the question', async () => {
    const { chunks, question, questionTokens, tokens } = await plan('Why?', [attachment('selection', 'let a = 1;\n')]);
    assert.deepEqual(chunks, []);
    assert.equal(question, 'File: a.ts, lines 7-7\n```typescript\nlet a = 1;\n```\n\nWhy?');
    assert.equal(tokens, questionTokens.length);
  });

  it('reads files, and long selections, as chunks that hold all of their text', async () => {
    const text = Array.from({ length: 100 }, (_, i) => `line ${i}\n`).join('');
    for (const kind of ['file', 'selection'] as const) {
      const { chunks, question, tokens, questionTokens } = await plan('Why?', [attachment(kind, text)]);
      assert.equal(question, 'Why?');
      assert.ok(chunks.length > 1);
      assert.equal(chunks.map((chunk) => (chunk.kind === 'chunk' ? chunk.text : '')).join(''), text);
      assert.ok(chunks.every((chunk) => model.encode(chunk).length <= model.maxSequenceTokens));
      assert.equal(tokens, questionTokens.length + chunks.reduce((sum, chunk) => sum + model.encode(chunk).length, 0));
    }
  });

  it('writes the end of a long path above chunks, and no more of it than a quarter of a chunk', async () => {
    const text = 'line of text\n'.repeat(40);
    for (const name of ['x'.repeat(400), 'deep/'.repeat(80) + 'name.ts', '🦊'.repeat(20_000)]) {
      const { chunks } = await plan('Why?', [attachment('file', text, name)]);
      assert.ok(chunks.length < 8, `${chunks.length} chunks`);
      for (const chunk of chunks) {
        assert.ok(chunk.kind === 'chunk' && chunk.path.startsWith('…') && name.endsWith(chunk.path.slice(1)));
        assert.ok(Array.from(chunk.path).length <= model.maxSequenceTokens / 4);
        assert.ok(chunk.path.isWellFormed());
      }
    }
    assert.match(
      shortPath('deep/'.repeat(80) + 'name.ts', 64, (path) => path.length),
      /^…\/(deep\/)+name\.ts$/,
    );
    assert.equal(
      shortPath('src/🦊.ts', 64, (path) => path.length),
      'src/🦊.ts',
    );
  });

  it('words the question of a task where the user gave none', async () => {
    const asked = async (...args: Parameters<typeof plan>): Promise<string> => (await plan(...args)).question;
    assert.match(await asked('', [attachment('selection', 'x')], 'explain'), /Explain what this code does/);
    assert.match(await asked('', [attachment('file', 'x', 'src/b.ts')], 'summarize'), /what src\/b\.ts is for/);
    assert.match(await asked('', [], 'summarize'), /our conversation/);
    assert.equal(await asked(' In one word? ', [attachment('file', 'x')], 'explain'), 'In one word?');
  });

  const refused: readonly [string, string, readonly Attachment[], string, RegExp][] = [
    ['an empty question', ' \n', [], 'invalidInput', /question is empty/],
    ['an empty file', 'Why?', [attachment('file', ' \n', 'b.ts')], 'invalidInput', /b\.ts: the file is empty/],
    ['an empty selection', 'Why?', [attachment('selection', '\t')], 'invalidInput', /a\.ts: the selection is empty/],
    [
      'more than is ever held',
      'Why?',
      [attachment('selection', 'x'.repeat(140_000))],
      'contextTooLong',
      /at least 13\d{4} tokens.*room for 16384/,
    ],
  ];
  for (const [name, question, attachments, reason, message] of refused) {
    it(`refuses ${name}`, async () => {
      await assert.rejects(plan(question, attachments), (error) => {
        return (
          AnchorageError.is(error) && error.reason === reason && message.test(error.message) && error.remedy !== ''
        );
      });
    });
  }

  it('does not tokenise all of a text that is far too long', async () => {
    let characters = 0;
    class CountingModel extends FakeModel {
      override encodeText(text: string): number[] {
        characters += text.length;
        return super.encodeText(text);
      }
    }
    const counting = new CountingModel({ read: 0, write: 0 });
    const attachments = [attachment('file', 'x'.repeat(2_000_000))];
    await assert.rejects(
      planTurn(counting, { task: 'chat', question: 'Why?', attachments }),
      (error) => AnchorageError.is(error, 'contextTooLong') && error.message.includes('at least'),
    );
    assert.ok(characters < 200_000, `${characters} characters`);
  });

  it('tokenises nothing but the chunks of what is attached, and lets others in between', async () => {
    let characters = 0;
    class SlowModel extends FakeModel {
      override encodeText(text: string): number[] {
        characters += text.length;
        return super.encodeText(text);
      }

      override encode(text: Parameters<FakeModel['encode']>[0]): number[] {
        for (const begin = performance.now(); performance.now() - begin < 2;);
        return super.encode(text);
      }
    }
    const text = Array.from({ length: 700 }, (_, i) => `line ${i}\n`).join('');
    let turns = 0;
    const ticker = setInterval(() => turns++, 1);
    const attachments = [attachment('file', text)];
    const slow = new SlowModel({ read: 0, write: 0 });
    const { chunks } = await planTurn(slow, { task: 'chat', question: 'Why?', attachments });
    clearInterval(ticker);
    assert.ok(turns > chunks.length / 20, `${turns} turns of others, ${chunks.length} chunks`);
    assert.ok(characters < 1000, `${characters} characters beside them`);
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 20);
    await assert.rejects(planTurn(slow, { task: 'chat', question: 'Why?', attachments }, abort.signal), (error) =>
      AnchorageError.is(error, 'cancelled'),
    );
  });

  describe('room', () => {
    const pinned = [1, 2, 3];

    it('is refused to a question beside a session that leaves none, and the session is blamed', async () => {
      const turn = await plan('Why? '.repeat(100));
      checkRoom(model, turn, { room: 4093, pinned }, 100);
      assert.throws(
        () => checkRoom(model, turn, { room: 400, pinned }, 100),
        (error) => {
          assert.ok(AnchorageError.is(error, 'contextTooLong'));
          assert.match(error.message, /session is full: of 4096 rows .* 400 are free, and this question needs 6\d\d/);
          return error.remedy === 'Unpin what is pinned, or start a new session.';
        },
      );
    });

    it('is refused to a question that no session could hold, and the question is blamed', async () => {
      const turn = await plan('Why? '.repeat(1000));
      assert.throws(
        () => checkRoom(model, turn, { room: 4093, pinned }, 100),
        (error) => AnchorageError.is(error, 'contextTooLong') && !error.remedy.includes('new session'),
      );
    });

    it('is kept for an answer, less where less is asked for', async () => {
      const turn = await plan('Why? '.repeat(100));
      const room = turn.questionTokens.length + 200;
      checkRoom(model, turn, { room, pinned }, 200);
      assert.throws(() => checkRoom(model, turn, { room, pinned }, 2000), /needs/);
      checkRoom(model, turn, { room: room + 56, pinned }, 2000);
    });

    it('is asked for the question, what is read again and the answer, but for no large share of all', async () => {
      const turn = await plan('Why?');
      const question = turn.questionTokens.length;
      assert.equal(roomNeeded(model, turn, 100), question + 100 + 512);
      assert.equal(roomNeeded(model, turn, 100_000), question + 1024 + 512);
    });
  });
});
