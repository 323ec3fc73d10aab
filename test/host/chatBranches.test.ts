import assert from 'node:assert/strict';
import { AnchorageError } from '../../src/protocol/errors.ts';
import type { ToWebviewMessage } from '../../src/protocol/webview.ts';
import { ChatController } from '../../src/host/chat/chatController.ts';
import { FakeAssistant, untilAborted } from './fakeAssistant.ts';
import { eventually, Surroundings } from './surroundings.ts';

describe('branches of the chat', () => {
  let surroundings: Surroundings;
  let assistant: FakeAssistant;
  let chat: ChatController;
  let posted: ToWebviewMessage.Type[];

  const questions = (): string[] => chat.state.exchanges.map(({ question }) => question);
  const idOf = (index: number): string => chat.state.exchanges[index]?.id ?? '';

  beforeEach(async () => {
    surroundings = new Surroundings();
    assistant = new FakeAssistant();
    chat = surroundings.add(
      new ChatController(assistant, surroundings.configuration, surroundings.lastSession, surroundings.log),
    );
    posted = [];
    surroundings.add(chat.onDidPost((message) => posted.push(message)));
    await chat.ask('one');
    await chat.ask('two');
  });
  afterEach(() => {
    surroundings.dispose();
  });

  it('asks an exchange anew in its place, and shows only what was before it meanwhile', async () => {
    const edited = idOf(1);
    const goOn = Promise.withResolvers<string>();
    assistant.script = () => goOn.promise;
    const asked = chat.edit(edited, ' two in other words ');
    assert.deepEqual(questions(), ['one']);
    assert.equal(chat.state.running?.question, 'two in other words');
    assert.equal(chat.state.running.edits, edited);
    goOn.resolve('answer');
    await asked;
    assert.deepEqual(questions(), ['one', 'two in other words']);
    assert.deepEqual(chat.state.exchanges[1]?.siblings, [edited, idOf(1)]);
    assert.equal(assistant.questions.at(-1)?.edits, edited);
    await chat.selectBranch(edited);
    assert.deepEqual(questions(), ['one', 'two']);
  });

  it('asks the same question once more, to be drawn so that it may differ', async () => {
    await chat.edit(idOf(0), '');
    const asked = assistant.questions.at(-1);
    assert.equal(asked?.question, '');
    assert.ok((asked.sampling.temperature ?? 0) > 0 && asked.sampling.seed !== undefined);
    assert.deepEqual(questions(), ['one']);
    await chat.edit(idOf(0), 'other words');
    assert.equal(assistant.questions.at(-1)?.sampling.temperature, 0);
  });

  it('shows the branch as it was where an edited question fails or is stopped before its first word', async () => {
    assistant.script = () => Promise.reject(new AnchorageError('workerDied', 'The worker ended.', 'Ask again.'));
    await chat.edit(idOf(0), 'other');
    assert.deepEqual(questions(), ['one', 'two']);
    assert.deepEqual(chat.state.error, { message: 'The worker ended.', remedy: 'Ask again.', action: null });
    assistant.script = async (_, signal) => {
      await untilAborted(signal);
      throw new AnchorageError('cancelled', 'Stopped.');
    };
    const asked = chat.edit(idOf(0), 'other');
    await eventually('the question is asked', () => assistant.questions.length === 4);
    chat.stop();
    await asked;
    assert.deepEqual(questions(), ['one', 'two']);
    assert.equal(chat.state.error, null);
    assert.ok(!posted.some(({ type }) => type === 'prefill'), 'its words stay in its field');
  });

  it('leaves what waits in the input out of a question that is asked anew', async () => {
    chat.attach([{ kind: 'file', path: 'a.ts', languageId: 'typescript', startLine: 1, text: 'a', symbolLines: [] }]);
    await chat.edit(idOf(1), 'other');
    assert.deepEqual(assistant.questions.at(-1)?.attachments, []);
    assert.equal(chat.state.attachments.length, 1);
  });

  it('refuses branches and edits while an answer is written, and of what is no longer there', async () => {
    const first = idOf(0);
    await chat.edit('gone', 'words');
    assert.match(chat.state.error?.message ?? '', /no longer in this session/);
    await chat.selectBranch('gone');
    assert.match(chat.state.error?.message ?? '', /no exchange gone/);
    assert.deepEqual(questions(), ['one', 'two']);
    assistant.script = async (_, signal) => {
      await untilAborted(signal);
      return 'late';
    };
    const asked = chat.ask('three');
    await eventually('the question is asked', () => assistant.questions.length === 3);
    await chat.selectBranch(first);
    assert.match(chat.state.error?.message ?? '', /being written/);
    await chat.edit(first, 'other');
    assert.equal(assistant.questions.length, 3);
    chat.stop();
    await asked;
  });

  it('opens a session on the branch of an exchange that a search found', async () => {
    const { sessionId } = chat.state;
    assert.ok(sessionId);
    const old = idOf(1);
    await chat.edit(old, 'other');
    await chat.newSession();
    await chat.openSession(sessionId, old);
    assert.deepEqual(questions(), ['one', 'two']);
    await chat.edit(old, 'third');
    await chat.openSession(sessionId, old);
    assert.deepEqual(questions(), ['one', 'two'], 'also of the session that is open');
  });

  it('hands out the texts of sequences, and acts on them', async () => {
    await chat.sequences.postText('s1');
    assert.deepEqual(posted.at(-1), { type: 'sequenceText', sequenceId: 's1', text: 'text of s1' });
    await chat.sequences.postText('gone');
    assert.deepEqual(posted.at(-1), { type: 'sequenceText', sequenceId: 'gone', text: null });
    assert.match(chat.state.error?.message ?? '', /no sequence gone/);
    await chat.sequences.act('s1', 'pin');
    assert.deepEqual(assistant.acts, [{ sequenceId: 's1', action: 'pin' }]);
    assert.equal(chat.state.error, null);
  });

  it('shows the session as it now is where a sequence is gone that was to be acted on', async () => {
    const session = assistant.sessions.get(chat.state.sessionId ?? '');
    assert.ok(session);
    assistant.sessions.set(session.id, { ...session, exchanges: session.exchanges.slice(0, 1) });
    await chat.sequences.act('gone', 'forget');
    assert.match(chat.state.error?.message ?? '', /no sequence gone/);
    assert.deepEqual(questions(), ['one']);
    assistant.sessions.clear();
    await chat.sequences.act('gone', 'forget');
    assert.match(chat.state.error?.message ?? '', /no sequence gone/);
    assert.deepEqual(questions(), ['one']);
  });
});
