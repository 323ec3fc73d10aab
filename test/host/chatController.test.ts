import assert from 'node:assert/strict';
import { AnchorageError } from '../../src/protocol/errors.ts';
import type { ToWebviewMessage } from '../../src/protocol/webview.ts';
import type { Attachment } from '../../src/protocol/worker.ts';
import { ChatController } from '../../src/host/chat/chatController.ts';
import { FakeAssistant, untilAborted } from './fakeAssistant.ts';
import { eventually, Surroundings } from './surroundings.ts';

const attachment: Attachment = {
  kind: 'selection',
  path: 'src/a.ts',
  languageId: 'typescript',
  startLine: 3,
  text: 'const a = 1;\nconst b = 2;',
  symbolLines: [],
};

describe('chat', () => {
  let surroundings: Surroundings;
  let assistant: FakeAssistant;
  let chat: ChatController;
  let posted: ToWebviewMessage.Type[];

  beforeEach(() => {
    surroundings = new Surroundings();
    assistant = new FakeAssistant();
    chat = surroundings.add(
      new ChatController(assistant, surroundings.configuration, surroundings.lastSession, surroundings.log),
    );
    posted = [];
    surroundings.add(chat.onDidPost((message) => posted.push(message)));
  });
  afterEach(() => {
    surroundings.dispose();
  });

  const prefills = (): string[] => posted.flatMap((message) => (message.type === 'prefill' ? [message.text] : []));

  it('streams an answer token by token and ends with the exchange and the memory', async () => {
    await chat.ask('  What is this?  ');
    const tokens = posted.flatMap((message) => (message.type === 'token' ? [message.text] : []));
    assert.deepEqual(tokens, ['one', ' two', ' three']);
    const progress = posted.flatMap((message) => (message.type === 'progress' ? [message] : []));
    assert.deepEqual(
      progress.map(({ stage }) => stage),
      ['reading', 'reading', 'answering'],
    );
    assert.deepEqual(progress[0]?.progress, { done: 5, total: 10 });
    const { exchanges, running, memory, sessionId, error } = chat.state;
    assert.equal(running, null);
    assert.equal(error, null);
    assert.equal(exchanges[0]?.question, 'What is this?');
    assert.equal(exchanges[0].answer, 'one two three');
    assert.equal(memory?.sessionId, sessionId);
  });

  it('asks in one session until another is begun', async () => {
    await chat.ask('one');
    await chat.ask('two');
    await chat.newSession();
    assert.deepEqual(chat.state.exchanges, []);
    await chat.ask('three');
    const [first, second, third] = assistant.questions.map(({ sessionId }) => sessionId);
    assert.equal(first, second);
    assert.notEqual(second, third);
  });

  it('sends what is attached, once, and shows it with the question', async () => {
    chat.attach([attachment, attachment]);
    assert.deepEqual(
      chat.state.attachments.map(({ label }) => label),
      ['a.ts:3–4'],
    );
    await chat.ask('why?');
    await chat.ask('and now?');
    assert.deepEqual(assistant.questions[0]?.attachments, [attachment]);
    assert.deepEqual(assistant.questions[1]?.attachments, []);
    assert.deepEqual(chat.state.attachments, []);
  });

  it('waits for what is still being read to be attached', async () => {
    const reading = Promise.withResolvers<readonly Attachment[]>();
    const failing = Promise.reject(new Error('cannot be read'));
    const attached = chat.attachWhenRead(reading.promise);
    await assert.rejects(chat.attachWhenRead(failing));
    const asked = chat.ask('about it');
    assert.equal(assistant.questions.length, 0);
    reading.resolve([attachment]);
    await Promise.all([attached, asked]);
    assert.deepEqual(assistant.questions[0]?.attachments, [attachment]);
    await chat.ask('and now');
    assert.deepEqual(assistant.questions[1]?.attachments, []);
  });

  it('counts the lines of an attachment as an editor does', () => {
    chat.attach([
      { ...attachment, text: 'const a = 1;\nconst b = 2;\n' },
      { ...attachment, kind: 'file', startLine: 1, text: 'x\n' },
    ]);
    assert.deepEqual(
      chat.state.attachments.map(({ label, detail }) => [label, detail]),
      [
        ['a.ts:3–4', 'src/a.ts (2 lines)'],
        ['a.ts', 'src/a.ts (one line)'],
      ],
    );
  });

  it('removes an attachment', () => {
    chat.attach([attachment]);
    chat.removeAttachment(chat.state.attachments[0]?.id ?? '');
    assert.deepEqual(chat.state.attachments, []);
  });

  it('keeps what was answered when it is stopped', async () => {
    assistant.script = async (observer, signal) => {
      observer.onToken('half');
      await untilAborted(signal);
      return 'half';
    };
    const asked = chat.ask('long?');
    await eventually('the answer began', () => chat.state.running?.text === 'half');
    chat.stop();
    await asked;
    assert.equal(chat.state.exchanges[0]?.stopReason, 'cancelled');
    assert.equal(chat.state.exchanges[0].answer, 'half');
    assert.equal(chat.state.error, null);
  });

  it('puts the question and its attachments back when it is stopped before the answer', async () => {
    assistant.script = async (_, signal) => {
      await untilAborted(signal);
      throw new AnchorageError('cancelled', 'Stopped.');
    };
    chat.attach([attachment]);
    const asked = chat.ask('long?');
    await eventually('the question is asked', () => assistant.questions.length === 1);
    assert.deepEqual(chat.state.attachments, []);
    chat.stop();
    await asked;
    assert.deepEqual(prefills(), ['long?']);
    assert.equal(chat.state.attachments.length, 1);
    assert.equal(chat.state.error, null);
  });

  it('loses nothing when the worker dies, and lets it be asked again', async () => {
    const { script } = assistant;
    assistant.script = () => Promise.reject(new AnchorageError('workerDied', 'The worker ended.', 'Ask again.'));
    chat.attach([attachment]);
    await chat.ask('what?');
    assert.deepEqual(chat.state.error, { message: 'The worker ended.', remedy: 'Ask again.', action: 'retry' });
    assert.deepEqual(prefills(), ['what?']);
    await assistant.start();
    assert.ok(chat.state.error, 'the question is still unanswered');
    assistant.script = script;
    await chat.ask('what?');
    assert.equal(chat.state.error, null);
    assert.equal(chat.state.exchanges[0]?.question, 'what?');
    assert.deepEqual(assistant.questions[1]?.attachments, [attachment]);
  });

  it('stops a question that waits for the model, and gives it back', async () => {
    assistant.load = async (signal) => {
      await untilAborted(signal);
      throw new AnchorageError('cancelled', 'Stopped.');
    };
    const asked = chat.ask('what?');
    chat.stop();
    await asked;
    assert.deepEqual(prefills(), ['what?']);
    assert.equal(chat.state.running, null);
    assert.equal(chat.state.error, null);
    assert.equal(chat.state.sessionId, null);
  });

  it('forgets an error of the model when there is a model again', async () => {
    const error = new AnchorageError('workerGaveUp', 'It died.', 'Restart it.');
    assistant.setStatus({ state: 'failed', error });
    assistant.load = () => Promise.reject(error);
    await chat.ask('what?');
    assert.equal(chat.state.error?.action, 'restartWorker');
    await assistant.restart();
    assert.equal(chat.state.error, null);
    assert.deepEqual(posted.at(-1), { type: 'state', state: chat.state });
  });

  it('offers no other try of what was done with the sessions: it would ask a question', async () => {
    assistant.listSessions = () =>
      Promise.reject(new AnchorageError('storageUnavailable', 'It is full.', 'Make room.'));
    await chat.sessions.list();
    assert.deepEqual(chat.state.error, { message: 'It is full.', remedy: 'Make room.', action: null });
  });

  it('refuses an empty question and a second one at a time, in words', async () => {
    await chat.ask(' \n');
    assert.match(chat.state.error?.message ?? '', /empty/);
    assistant.script = async (_, signal) => {
      await untilAborted(signal);
      return '';
    };
    const first = chat.ask('first');
    await chat.ask('second');
    assert.match(chat.state.error?.message ?? '', /being written/);
    await eventually('the first is asked', () => assistant.questions.length > 0);
    assert.equal(assistant.questions.length, 1);
    chat.stop();
    await first;
  });

  it('says so where the model ends without a word', async () => {
    assistant.script = () => Promise.resolve('');
    await chat.ask('Hm?');
    assert.match(chat.state.error?.message ?? '', /without an answer/);
    assert.equal(chat.state.exchanges.length, 1);
  });

  it('loads the model again on retry where it failed', async () => {
    assistant.startError = new AnchorageError('fileAltered', 'model.onnx was altered.', 'Build the package again.');
    await chat.restore();
    assert.equal(chat.state.model.state, 'failed');
    assistant.startError = undefined;
    await chat.retry();
    assert.equal(chat.state.model.state, 'ready');
  });

  it('shows a memory that changed in idle time, of its own session only', async () => {
    await chat.ask('one');
    const before = chat.state.memory;
    assert.ok(before);
    assistant.tellMemory({ ...before, sessionId: 'another', kvRows: 1 });
    assert.equal(chat.state.memory, before);
    assistant.tellMemory({ ...before, kvRows: 7 });
    assert.equal(chat.state.memory.kvRows, 7);
    assert.equal(posted.at(-1)?.type, 'memory');
  });
});
