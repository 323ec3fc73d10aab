import assert from 'node:assert/strict';
import { AnchorageError } from '../../src/protocol/errors.ts';
import type { ToWebviewMessage } from '../../src/protocol/webview.ts';
import { ChatController } from '../../src/host/chat/chatController.ts';
import { FakeAssistant, untilAborted } from './fakeAssistant.ts';
import { eventually, Surroundings } from './surroundings.ts';

describe('sessions of the chat', () => {
  let surroundings: Surroundings;
  let assistant: FakeAssistant;
  let chat: ChatController;
  let posted: ToWebviewMessage.Type[];

  const newChat = (): ChatController =>
    surroundings.add(
      new ChatController(assistant, surroundings.configuration, surroundings.lastSession, surroundings.log),
    );

  beforeEach(() => {
    surroundings = new Surroundings();
    assistant = new FakeAssistant();
    chat = newChat();
    posted = [];
    surroundings.add(chat.onDidPost((message) => posted.push(message)));
  });
  afterEach(() => {
    surroundings.dispose();
  });

  it('opens, restores and deletes sessions', async () => {
    await chat.ask('one');
    const sessionId = chat.state.sessionId;
    assert.ok(sessionId);
    const next = newChat();
    await next.restore();
    assert.equal(next.state.sessionId, sessionId);
    assert.equal(next.state.exchanges.length, 1);
    await next.newSession();
    await next.openSession(sessionId);
    assert.equal(next.state.exchanges[0]?.question, 'one');
    await next.sessions.delete(sessionId);
    assert.equal(next.state.sessionId, null);
    assert.equal(assistant.sessions.size, 0);
    await next.openSession(sessionId);
    assert.match(next.state.error?.message ?? '', /no session/);
  });

  it('remembers a session from its first question on', async () => {
    assistant.script = async (_, signal) => {
      await untilAborted(signal);
      return '';
    };
    const asked = chat.ask('long?');
    await eventually('the question is asked', () => assistant.questions.length === 1);
    assert.equal(surroundings.lastSession.id, chat.state.sessionId);
    chat.stop();
    await asked;
  });

  it('brings the last session back once the model could be loaded', async () => {
    await chat.ask('one');
    const next = newChat();
    assistant.startError = new AnchorageError('fileAltered', 'model.onnx was altered.', 'Build the package again.');
    await next.restore();
    assert.equal(next.state.sessionId, null);
    assistant.startError = undefined;
    await next.retry();
    await eventually('the session is shown', () => next.state.exchanges.length === 1);
  });

  it('keeps the new session that was begun while the last one was brought back', async () => {
    await chat.ask('one');
    const next = newChat();
    const restored = next.restore();
    await next.newSession();
    await restored;
    assert.equal(next.state.sessionId, null);
    assert.deepEqual(next.state.exchanges, []);
  });

  it('leaves the session that is open as it is when it is opened, its running answer too', async () => {
    await chat.ask('one');
    const { sessionId } = chat.state;
    assert.ok(sessionId);
    const goOn = Promise.withResolvers<string>();
    assistant.script = () => goOn.promise;
    const asked = chat.ask('two');
    await chat.openSession(sessionId);
    assert.equal(chat.state.running?.question, 'two');
    goOn.resolve('still here');
    await asked;
    assert.equal(chat.state.exchanges[1]?.answer, 'still here');
  });

  it('shows the session that was chosen last, in whatever order they come', async () => {
    await chat.ask('one');
    const first = chat.state.sessionId;
    await chat.newSession();
    await chat.ask('two');
    const second = chat.state.sessionId;
    await chat.newSession();
    assert.ok(first && second);
    const openSession = assistant.openSession.bind(assistant);
    const late = Promise.withResolvers<undefined>();
    assistant.openSession = async (id) => {
      await (id === first ? late.promise : undefined);
      return await openSession(id);
    };
    const opening = chat.openSession(first);
    await chat.openSession(second);
    late.resolve(undefined);
    await opening;
    assert.equal(chat.state.sessionId, second);
  });

  it('leaves a running answer behind when another session is begun', async () => {
    let observe: ((text: string) => void) | undefined;
    assistant.script = async (observer, signal) => {
      observe = (text) => {
        observer.onToken(text);
      };
      await untilAborted(signal);
      return 'late';
    };
    const asked = chat.ask('old');
    await eventually('the question is asked', () => assistant.questions.length === 1);
    await chat.newSession();
    observe?.('late');
    await asked;
    assert.equal(chat.state.running, null);
    assert.deepEqual(chat.state.exchanges, []);
    assert.ok(!posted.some(({ type }) => type === 'token'));
  });
});
