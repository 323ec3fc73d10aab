import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { WorkerClient } from '../../../src/worker/client/workerClient.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import {
  askRequest,
  createSessionRequest,
  deleteSessionRequest,
  exportSessionRequest,
  importSessionRequest,
  indexFileRequest,
  listSessionsRequest,
  loadModelRequest,
  openSessionRequest,
  renameSessionRequest,
  searchSessionsRequest,
  selectBranchRequest,
  sequenceActionRequest,
  sequenceTextRequest,
  stopIndexingRequest,
  type Exchange,
  type SessionView,
} from '../../../src/protocol/worker.ts';
import { withFolder } from '../memory/memoryFixtures.ts';
import { fakeLoad, question, withWorker } from './workerFixtures.ts';

/** Runs a test with a worker that has a model loaded and stores its sessions. */
function withStoredSession(test: (worker: WorkerClient, id: string) => Promise<void>): Promise<void> {
  return withFolder((storageFolder) =>
    withWorker({ storageFolder }, async (worker) => {
      await worker.request(loadModelRequest, fakeLoad);
      const { id } = await worker.request(createSessionRequest, { ephemeral: false });
      await test(worker, id);
    }),
  );
}

async function ask(
  worker: WorkerClient,
  id: string,
  text: string,
  more: Parameters<typeof question>[2] = {},
): Promise<Exchange> {
  return (await worker.request(askRequest, question(id, text, more))).exchange;
}

const shown = ({ exchanges }: SessionView): string[] => exchanges.map((exchange) => exchange.question);
const isInvalid = (error: unknown): boolean => AnchorageError.is(error, 'invalidInput') && error.remedy !== '';

describe('requests about sessions', function () {
  this.timeout(20_000);

  it('ask an exchange anew in its place, and go from branch to branch', () =>
    withStoredSession(async (worker, id) => {
      await ask(worker, id, 'one');
      const two = await ask(worker, id, 'two');
      await ask(worker, id, 'three');
      assert.deepEqual(two.siblings, [two.id]);
      const other = await ask(worker, id, 'two, in other words', { edits: two.id });
      assert.deepEqual(other.siblings, [two.id, other.id]);
      const view = await worker.request(openSessionRequest, { sessionId: id });
      assert.deepEqual(shown(view), ['one', 'two, in other words']);
      await ask(worker, id, 'four');
      const back = await worker.request(selectBranchRequest, { sessionId: id, exchangeId: two.id });
      assert.deepEqual(shown(back), ['one', 'two', 'three']);
      const forth = await worker.request(selectBranchRequest, { sessionId: id, exchangeId: other.id });
      assert.deepEqual(shown(forth), ['one', 'two, in other words', 'four']);
      assert.equal(forth.exchanges[1]?.siblings.length, 2);
    }));

  it('ask a question once more with what was attached to it', () =>
    withStoredSession(async (worker, id) => {
      const attachments = [
        { kind: 'file', path: 'a.ts', languageId: 'typescript', startLine: 1, text: 'let a = 1;\n'.repeat(40) },
      ] as const;
      const first = await ask(worker, id, 'what', { attachments: [...attachments] });
      const again = await ask(worker, id, '', { edits: first.id });
      assert.equal(again.question, 'what');
      assert.deepEqual(again.attachments, first.attachments);
      const { memory } = await worker.request(openSessionRequest, { sessionId: id });
      assert.ok(memory.sequences.some(({ kind }) => kind === 'chunk'));
    }));

  it('show the branch as it was when an edit fails, and refuse an exchange that is not there', () =>
    withStoredSession(async (worker, id) => {
      const one = await ask(worker, id, 'one');
      await ask(worker, id, 'two');
      await assert.rejects(ask(worker, id, 'please fail', { edits: one.id }));
      await assert.rejects(ask(worker, id, 'x', { edits: 'nothing' }), isInvalid);
      const view = await worker.request(openSessionRequest, { sessionId: id });
      assert.deepEqual(shown(view), ['one', 'two']);
      const three = await ask(worker, id, 'three');
      assert.deepEqual(three.siblings, [three.id]);
    }));

  it('forget a sequence for good: in what is shown, found, exported, and read from then on', () =>
    withStoredSession(async (worker, id) => {
      await ask(worker, id, 'the password is xyzzy42');
      await ask(worker, id, 'something else');
      const { memory } = await worker.request(openSessionRequest, { sessionId: id });
      const [, secret] = memory.sequences;
      assert.match(secret?.label ?? '', /xyzzy42/);
      const sequenceId = secret?.id ?? '';
      const { text } = await worker.request(sequenceTextRequest, { sessionId: id, sequenceId });
      assert.match(text, /xyzzy42/);
      const view = await worker.request(sequenceActionRequest, { sessionId: id, sequenceId, action: 'forget' });
      assert.equal(view.exchanges[0]?.isForgotten, true);
      assert.ok(!JSON.stringify(view).includes('xyzzy42'));
      assert.ok(!JSON.stringify(await worker.request(listSessionsRequest, {})).includes('xyzzy42'));
      assert.deepEqual(await worker.request(searchSessionsRequest, { query: 'xyzzy42' }), []);
      for (const format of ['markdown', 'json'] as const) {
        const exported = await worker.request(exportSessionRequest, { sessionId: id, format });
        assert.ok(!exported.text.includes('xyzzy42'));
      }
      await assert.rejects(worker.request(sequenceTextRequest, { sessionId: id, sequenceId }), isInvalid);
      await ask(worker, id, 'and now?');
      const after = await worker.request(openSessionRequest, { sessionId: id });
      assert.equal(after.memory.sequences.filter(({ kind }) => kind === 'exchange').length, 2);
    }));

  it('pin a sequence, and have it read again for the next question', () =>
    withStoredSession(async (worker, id) => {
      await ask(worker, id, 'alpha');
      const { memory } = await worker.request(openSessionRequest, { sessionId: id });
      const sequenceId = memory.sequences.at(-1)?.id ?? '';
      const act = (action: 'pin' | 'unpin' | 'readAgain' | 'doNotReadAgain'): Promise<SessionView> =>
        worker.request(sequenceActionRequest, { sessionId: id, sequenceId, action });
      assert.equal((await act('pin')).memory.sequences.at(-1)?.pinned, true);
      assert.equal((await act('unpin')).memory.sequences.at(-1)?.pinned, false);
      assert.equal((await act('readAgain')).memory.sequences.at(-1)?.isWanted, true);
      const { exchange, memory: during } = await worker.request(askRequest, question(id, 'unrelated beta'));
      assert.deepEqual(
        exchange.rehydrated.map(({ sequenceId: again, why }) => [again, why.kind]),
        [[sequenceId, 'user']],
      );
      assert.equal(during.sequences.find((sequence) => sequence.id === sequenceId)?.state, 'rehydrated');
      const next = await ask(worker, id, 'unrelated gamma');
      assert.deepEqual(next.rehydrated, [], 'once');
    }));

  it('read again what a question shares rare words with, and say which', () =>
    withStoredSession(async (worker, id) => {
      await ask(worker, id, 'The limiter is called throttle_requests.');
      await ask(worker, id, 'Something about parsers.');
      const exchange = await ask(worker, id, 'Where is throttle_requests used?');
      assert.deepEqual(
        exchange.rehydrated.map(({ label, why }) => [label, why]),
        [['The limiter is called throttle_requests.', { kind: 'words', words: ['throttle_requests'] }]],
      );
      const view = await worker.request(openSessionRequest, { sessionId: id });
      assert.deepEqual(view.exchanges.at(-1)?.rehydrated, exchange.rehydrated);
    }));

  it('rename, find, export and import', () =>
    withStoredSession(async (worker, id) => {
      const one = await ask(worker, id, 'one about walruses');
      await ask(worker, id, 'one about seals', { edits: one.id });
      await worker.request(renameSessionRequest, { sessionId: id, title: '  Arctic animals ' });
      const [hit] = await worker.request(searchSessionsRequest, { query: 'walrus' });
      assert.ok(hit !== undefined);
      assert.equal(hit.session.title, 'Arctic animals');
      assert.equal(hit.exchangeId, one.id);
      assert.ok(hit.excerpt.some(({ text, isMatch }) => isMatch && text.startsWith('walrus')));
      const exported = await worker.request(exportSessionRequest, { sessionId: id, format: 'json' });
      const imported = await worker.request(importSessionRequest, { text: exported.text });
      assert.notEqual(imported.id, id);
      assert.deepEqual(shown(imported), ['one about seals']);
      assert.equal(imported.exchanges[0]?.siblings.length, 2);
      await worker.request(deleteSessionRequest, { sessionId: id });
      const answered = await ask(worker, imported.id, 'and whales?');
      assert.ok(answered.usage.kvRowsFull > 0);
      await assert.rejects(worker.request(importSessionRequest, { text: '{"format":' }), (error) =>
        AnchorageError.is(error, 'fileInvalid'),
      );
      await assert.rejects(worker.request(renameSessionRequest, { sessionId: id, title: 'gone' }), isInvalid);
    }));

  it('read files ahead in idle time, which is stopped on request', () =>
    withFolder((storageFolder) =>
      withWorker({ storageFolder }, async (worker) => {
        await worker.request(loadModelRequest, fakeLoad);
        const anchors = (): number => {
          const database = new DatabaseSync(join(storageFolder, 'sessions.sqlite'), { readOnly: true });
          const row = database.prepare('SELECT count(*) AS count FROM anchors').get();
          database.close();
          return z.object({ count: z.int() }).parse(row).count;
        };
        const text = Array.from({ length: 60 }, (_, i) => `export const value${i} = ${i};\n`).join('');
        const file = { path: 'src/values.ts', languageId: 'typescript', startLine: 1, text };
        await worker.request(indexFileRequest, file);
        await worker.request(stopIndexingRequest, {});
        // Some may have been read before the request to stop came.
        const stopped = anchors();
        await sleep(300);
        assert.equal(anchors(), stopped);
        assert.ok(stopped < 5);
        await worker.request(indexFileRequest, file);
        for (let waited = 0; anchors() < 5; waited += 20) {
          assert.ok(waited < 10_000);
          await sleep(20);
        }
      }),
    ));
});
