import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { AnchorageError } from '../../src/protocol/errors.ts';
import { ExplainController } from '../../src/host/explain/explainController.ts';
import { FakeAssistant, untilAborted } from './fakeAssistant.ts';
import { bodyOf, eventually, openText, Surroundings } from './surroundings.ts';

const code = 'function add(a, b) {\n  return a + b;\n}\n\n\nconst x = add(1, 2);\n';

describe('explain', () => {
  let surroundings: Surroundings;
  let assistant: FakeAssistant;
  let controller: ExplainController;
  let document: vscode.TextDocument;

  beforeEach(async () => {
    surroundings = new Surroundings();
    assistant = new FakeAssistant();
    controller = surroundings.add(
      new ExplainController(assistant, surroundings.configuration, 'anchorage.explain.test'),
    );
    ({ document } = await openText(code));
  });
  afterEach(() => {
    surroundings.dispose();
  });

  const thread = (): vscode.CommentThread => {
    const last = controller.threads.at(-1);
    assert.ok(last, 'there is no thread');
    return last;
  };

  it('streams into one comment at the selection, with the lines as they stand', async () => {
    let more: (() => void) | undefined;
    assistant.script = async (observer) => {
      observer.onToken('first');
      await new Promise<void>((resolve) => {
        more = resolve;
      });
      observer.onToken(' second');
      return 'first second';
    };
    const done = controller.explain(document, new vscode.Range(0, 0, 2, 1));
    await eventually('the first words are shown', () => bodyOf(thread().comments[0]) === 'first');
    assert.equal(thread().contextValue, 'running');
    assert.equal(thread().canReply, false);
    more?.();
    await done;
    assert.equal(bodyOf(thread().comments[0]), 'first second');
    assert.equal(thread().comments.length, 1);
    assert.equal(thread().contextValue, 'answered');
    assert.ok(thread().range?.isEqual(new vscode.Range(0, 0, 2, 1)));
    const [question] = assistant.questions;
    assert.equal(question?.task, 'explain');
    assert.equal(question.attachments[0]?.startLine, 1);
    assert.equal(question.attachments[0].text, 'function add(a, b) {\n  return a + b;\n}');
  });

  it('says how many tokens are read before the answer', async () => {
    assistant.script = async (observer, signal) => {
      observer.onRead({ done: 64, total: 320 });
      await untilAborted(signal);
      throw new AnchorageError('cancelled', 'Stopped.');
    };
    const done = controller.explain(document, new vscode.Range(0, 0, 2, 1));
    await eventually('the progress is shown', () => bodyOf(thread().comments[0]).includes('64 of 320'));
    controller.stop(thread());
    await done;
    assert.match(bodyOf(thread().comments[0]), /Stopped/);
    assert.equal(thread().contextValue, 'answered');
  });

  it('can be stopped while the model loads, and asked again', async () => {
    const { load } = assistant;
    assistant.load = async (signal) => {
      await untilAborted(signal);
      throw new AnchorageError('cancelled', 'Stopped.');
    };
    const done = controller.explain(document, new vscode.Range(0, 0, 2, 1));
    await eventually('the thread is there', () => controller.threads.length === 1);
    controller.stop(thread());
    await done;
    assert.match(bodyOf(thread().comments[0]), /Stopped/);
    assistant.load = load;
    await controller.reply(thread(), 'Why?');
    assert.equal(bodyOf(thread().comments[2]), 'one two three');
    assert.equal(assistant.questions[0]?.attachments.length, 1);
  });

  it('answers a reply in the same session, without sending the code again', async () => {
    await controller.explain(document, new vscode.Range(0, 0, 2, 1));
    await controller.reply(thread(), 'Why a plus?');
    const [first, second] = assistant.questions;
    assert.equal(second?.question, 'Why a plus?');
    assert.equal(second.sessionId, first?.sessionId);
    assert.deepEqual(second.attachments, []);
    assert.deepEqual(
      thread().comments.map((comment) => comment.author.name),
      ['Anchorage', 'You', 'Anchorage'],
    );
    assert.equal(bodyOf(thread().comments[1]), 'Why a plus?');
  });

  it('leaves out the line that a selection of whole lines ends before', async () => {
    await controller.explain(document, new vscode.Range(0, 0, 3, 0));
    assert.equal(assistant.questions[0]?.attachments[0]?.text, 'function add(a, b) {\n  return a + b;\n}');
    assert.match(thread().label ?? '', /lines 1–3/);
  });

  it('takes the line at an empty selection, and says so where there is nothing', async () => {
    await controller.explain(document, new vscode.Range(5, 3, 5, 3));
    assert.equal(assistant.questions[0]?.attachments[0]?.text, 'const x = add(1, 2);');
    assert.equal(assistant.questions[0].attachments[0].startLine, 6);
    await assert.rejects(controller.explain(document, new vscode.Range(4, 0, 4, 0)), /no code at line 5/);
    assert.equal(controller.threads.length, 1);
  });

  it('takes the innermost function around an empty selection', async () => {
    const symbol = (name: string, kind: vscode.SymbolKind, from: number, to: number): vscode.DocumentSymbol => {
      const range = new vscode.Range(from, 0, to, 1);
      return new vscode.DocumentSymbol(name, '', kind, range, range);
    };
    const outer = symbol('Outer', vscode.SymbolKind.Class, 0, 5);
    const add = symbol('add', vscode.SymbolKind.Function, 0, 2);
    add.children = [symbol('local', vscode.SymbolKind.Variable, 1, 1)];
    outer.children = [add];
    surroundings.add(
      vscode.languages.registerDocumentSymbolProvider(
        { scheme: document.uri.scheme, language: 'plaintext' },
        { provideDocumentSymbols: () => [outer] },
      ),
    );
    await controller.explain(document, new vscode.Range(1, 0, 1, 0));
    assert.equal(assistant.questions[0]?.attachments[0]?.text, 'function add(a, b) {\n  return a + b;\n}');
    assert.match(thread().label ?? '', /add/);
  });

  it('tells a failure in the thread, and reads the code again on retry', async () => {
    const { script } = assistant;
    await controller.explain(document, new vscode.Range(0, 0, 2, 1));
    assistant.script = () => Promise.reject(new AnchorageError('workerDied', 'The worker ended.', 'Try again.'));
    await controller.reply(thread(), 'Why?');
    assert.equal(thread().contextValue, 'failed');
    assert.match(bodyOf(thread().comments[2]), /The worker ended.*Try again/s);
    assistant.script = script;
    await controller.retry(thread());
    assert.equal(thread().contextValue, 'answered');
    assert.equal(bodyOf(thread().comments[2]), 'one two three');
    const last = assistant.questions.at(-1);
    assert.equal(last?.question, 'Why?');
    assert.equal(last.attachments.length, 1);
    assert.notEqual(last.sessionId, assistant.questions[0]?.sessionId);
  });

  it('forgets the session with the thread, and refuses threads it does not know', async () => {
    const shown = await controller.explain(document, new vscode.Range(0, 0, 2, 1));
    assert.equal(assistant.sessions.size, 1);
    controller.delete(shown);
    await eventually('the session is gone', () => assistant.sessions.size === 0);
    await assert.rejects(controller.reply(shown, 'still there?'), AnchorageError);
  });

  it('says so where the model ends without a word', async () => {
    assistant.script = () => Promise.resolve('');
    await controller.explain(document, new vscode.Range(0, 0, 2, 1));
    assert.match(bodyOf(thread().comments[0]), /without an answer/);
  });

  it('shows no image of an answer, which would fetch its address', async () => {
    assistant.script = () => Promise.resolve('see ![x](https://example.com/x.png)\n```md\n![kept](a)\n```');
    await controller.explain(document, new vscode.Range(0, 0, 2, 1));
    const body = bodyOf(thread().comments[0]);
    assert.ok(body.includes('!&#91;x]'));
    assert.ok(body.includes('![kept]'));
  });

  it('ends code that was cut off before it says that the answer was', async () => {
    assistant.script = (observer) => {
      observer.onToken('So:\n\n```js\nadd(');
      return Promise.reject(new AnchorageError('cancelled', 'Stopped.'));
    };
    await controller.explain(document, new vscode.Range(0, 0, 2, 1));
    assert.equal(bodyOf(thread().comments[0]), 'So:\n\n```js\nadd(\n```\n\n_Stopped._');
  });

  it('offers a code action for selected code only', async () => {
    const actions = async (range: vscode.Range): Promise<readonly string[]> => {
      const found = await vscode.commands.executeCommand<readonly vscode.CodeAction[]>(
        'vscode.executeCodeActionProvider',
        document.uri,
        range,
      );
      return found.map(({ title }) => title);
    };
    assert.ok((await actions(new vscode.Range(0, 0, 2, 1))).includes('Explain with Anchorage'));
    assert.ok(!(await actions(new vscode.Range(4, 0, 4, 0))).includes('Explain with Anchorage'));
  });
});
