import assert from 'node:assert/strict';
import { Conversation } from '../../../src/cli/chat/conversation.ts';
import { runSlashCommand, slashHelp } from '../../../src/cli/chat/slashCommands.ts';
import { exitCodes } from '../../../src/cli/exitCodes.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { samplingSchema } from '../../../src/protocol/sampling.ts';
import { outputOf, type Output } from './commandLine.ts';
import { exchange, fakeTerminal, FakeRequester, sequence, session } from './fakeTerminal.ts';

const view = session(
  [
    exchange('e1', 'First\nquestion'),
    exchange('e2', 'Second', { siblings: ['e2', 'e7'] }),
    exchange('e3', '', { isForgotten: true }),
  ],
  [sequence('s1'), sequence('s2')],
);

class FakeInput {
  readonly isTerminal: boolean;
  readonly lines: string[] = [];
  draft = '';

  constructor(isTerminal: boolean) {
    this.isTerminal = isTerminal;
  }

  async next(): Promise<string | null> {
    return this.lines.shift() ?? null;
  }

  interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return work(new AbortController().signal);
  }
}

function conversation(isTerminal = false): { chat: Conversation; worker: FakeRequester; input: FakeInput } {
  const worker = new FakeRequester({
    'session/open': () => view,
    'session/create': () => ({ ...view, id: 'new' }),
    'session/selectBranch': () => view,
    'sequence/act': () => view,
    ask: () => ({ exchange: exchange('e8', 'asked'), memory: view.memory }),
  });
  const input = new FakeInput(isTerminal);
  const chat = new Conversation(fakeTerminal(worker), input, view.id, samplingSchema.parse({}));
  return { chat, worker, input };
}

function told(chat: Conversation, line: string): Promise<Output> {
  return outputOf(async () => {
    await runSlashCommand(chat, line);
    return exitCodes.ok;
  });
}

const refuses =
  (message: RegExp, reason = 'invalidInput') =>
  (error: unknown): boolean =>
    AnchorageError.is(error) && error.reason === reason && message.test(error.message) && error.message !== '';

describe('commands in a chat', () => {
  it('ask an exchange anew in its place', async () => {
    const { chat, worker } = conversation();
    await told(chat, '/edit 1 Another  question?');
    const edited = worker.lastChange?.params;
    assert.ok(typeof edited === 'object' && edited !== null && 'edits' in edited && 'question' in edited);
    assert.deepEqual([edited.edits, edited.question], ['e1', 'Another  question?']);
    await told(chat, '/again 2');
    const again = worker.lastChange?.params;
    assert.ok(typeof again === 'object' && again !== null && 'edits' in again && 'question' in again);
    assert.deepEqual([again.edits, again.question], ['e2', '']);
  });

  it('put the old question on the next line of a terminal, to be changed', async () => {
    const { chat, worker, input } = conversation(true);
    await told(chat, '/edit 1');
    assert.equal(input.draft, '/edit 1 First\nquestion');
    assert.equal(worker.lastChange, undefined);
    await assert.rejects(told(conversation().chat, '/edit 1'), refuses(/no question/));
  });

  it('name what is wrong with a number, and what there is', async () => {
    const { chat } = conversation();
    await assert.rejects(told(chat, '/edit 4 Why?'), refuses(/no exchange 4/));
    await assert.rejects(told(chat, '/edit x Why?'), refuses(/"x" is not the number/));
    await assert.rejects(told(chat, '/again'), refuses(/Exchange 3 is forgotten/));
    await assert.rejects(told(chat, '/pin 3'), refuses(/has no sequence "3"/));
    await assert.rejects(told(chat, '/branch 1'), refuses(/No other branch begins at exchange 1/));
    await assert.rejects(told(chat, '/dance'), refuses(/no command \/dance/));
    await assert.rejects(told(chat, '/constructor'), refuses(/no command/));
  });

  it('go to the next branch, and begin a new session', async () => {
    const { chat, worker } = conversation();
    await told(chat, '/branch 2');
    assert.deepEqual(worker.lastChange, {
      method: 'session/selectBranch',
      params: { sessionId: view.id, exchangeId: 'e7' },
    });
    await told(chat, '/new');
    assert.equal(chat.sessionId, 'new');
  });

  it('pin, read again and forget sequences, the last only after a yes', async () => {
    const { chat, worker, input } = conversation();
    for (const [line, action] of [
      ['/pin 2', 'pin'],
      ['/unpin 2', 'unpin'],
      ['/read 2', 'readAgain'],
    ] as const) {
      await told(chat, line);
      assert.deepEqual(worker.lastChange?.params, { sessionId: view.id, sequenceId: 's2', action });
    }
    for (const answer of ['no', '']) {
      input.lines.push(answer);
      await assert.rejects(told(chat, '/forget 1'), refuses(/Nothing was changed/, 'cancelled'));
    }
    await assert.rejects(told(chat, '/forget 1'), refuses(/Nothing was changed/, 'cancelled'));
    input.lines.push('Yes');
    const { stderr } = await told(chat, '/forget 1');
    assert.equal(stderr, '"Text of s1" is forgotten.\n');
    assert.deepEqual(worker.lastChange?.params, { sessionId: view.id, sequenceId: 's1', action: 'forget' });
  });

  it('show what there is, on stderr: answers alone go to stdout', async () => {
    const { chat } = conversation();
    for (const [line, expected] of [
      ['/map', /\+\+\n.*budget/s],
      ['/list', /1 {2}\+ Text of s1/],
      ['/show', /2> \(branch 1 of 2\) Second/],
      ['/help', /\/forget S/],
    ] as const) {
      const { stdout, stderr } = await told(chat, line);
      assert.equal(stdout, '');
      assert.match(stderr, expected);
    }
    for (const name of ['file', 'edit', 'again', 'branch', 'map', 'list', 'pin', 'read', 'forget', 'new', 'quit'])
      assert.ok(slashHelp.includes(`/${name}`));
  });
});
