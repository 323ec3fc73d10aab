import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { AnchorageError } from '../../src/protocol/errors.ts';
import type { Attachment } from '../../src/protocol/worker.ts';
import { SummarizeFileCommand } from '../../src/host/summarize/commands/summarizeFile.ts';
import { Summarizer } from '../../src/host/summarize/summarizer.ts';
import { VirtualDocuments } from '../../src/host/virtualDocuments.ts';
import { FakeAssistant } from './fakeAssistant.ts';
import { eventually, Surroundings, writeWorkspaceFile } from './surroundings.ts';

const scheme = 'anchorage-summary-test';
const source: Attachment = {
  kind: 'file',
  path: 'src/a.ts',
  languageId: 'typescript',
  startLine: 1,
  text: 'let a;',
  symbolLines: [],
};

describe('summarize', () => {
  let surroundings: Surroundings;
  let assistant: FakeAssistant;
  let summarizer: Summarizer;

  beforeEach(() => {
    surroundings = new Surroundings();
    assistant = new FakeAssistant();
    const documents = surroundings.add(new VirtualDocuments(scheme));
    summarizer = new Summarizer(assistant, surroundings.configuration, documents);
  });
  afterEach(() => {
    surroundings.dispose();
  });

  const shown = (): vscode.TextDocument => {
    const document = vscode.workspace.textDocuments.findLast(({ uri }) => uri.scheme === scheme);
    assert.ok(document, 'no summary is open');
    return document;
  };

  it('fills a Markdown document while the answer is written, and ends with what was read and held', async () => {
    let more: (() => void) | undefined;
    assistant.script = async (observer) => {
      observer.onRead({ done: 40, total: 80 });
      await new Promise<void>((resolve) => {
        more = resolve;
      });
      observer.onToken('It declares a.');
      return 'It declares a.';
    };
    const done = summarizer.summarize(source);
    await eventually('the progress is shown', () => more !== undefined && shown().getText().includes('40 of 80'));
    more?.();
    const { uri, isStopped } = await done;
    assert.equal(isStopped, false);
    const document = await vscode.workspace.openTextDocument(uri);
    await eventually('the summary is whole', () => document.getText().includes('key/value rows'));
    const text = document.getText();
    assert.equal(document.languageId, 'markdown');
    assert.match(text, /^# Summary of a\.ts\n\nIt declares a\.\n/);
    assert.match(text, /Read 80 tokens of `src\/a\.ts`/);
    assert.match(text, /held 18 key\/value rows/);
    assert.match(text, /full caching holds 88/);
    assert.match(text, /Fake, int4, cpu/);
    const [question] = assistant.questions;
    assert.equal(question?.task, 'summarize');
    assert.deepEqual(question.attachments, [source]);
    await eventually('the session is forgotten', () => assistant.sessions.size === 0);
  });

  it('says in the document and to the caller why it failed', async () => {
    assistant.script = (observer) => {
      observer.onToken('Half');
      return Promise.reject(new AnchorageError('contextTooLong', 'src/a.ts is too long.', 'Select a part.'));
    };
    await assert.rejects(summarizer.summarize(source), /too long/);
    await eventually('the failure is shown', () => /Half[^]*too long[^]*Select a part/.test(shown().getText()));
  });

  it('keeps what a stopped summary has', async () => {
    assistant.script = (observer) => {
      observer.onToken('Half');
      return Promise.reject(new AnchorageError('cancelled', 'Stopped.'));
    };
    const { uri, isStopped } = await summarizer.summarize(source);
    assert.equal(isStopped, true);
    const document = await vscode.workspace.openTextDocument(uri);
    await eventually('the end is shown', () => /Half[^]*Stopped/.test(document.getText()));
  });

  it('has no markup but its own where a name or an answer has some', async () => {
    assistant.script = () => Promise.resolve('A <img src=https://example.com/x.png> of\n\n```py\n<b>');
    const { uri } = await summarizer.summarize({ ...source, path: 'src/__init__.py' });
    const document = await vscode.workspace.openTextDocument(uri);
    await eventually('the summary is whole', () => document.getText().includes('key/value rows'));
    const text = document.getText();
    assert.match(text, /^# Summary of \\_\\_init\\_\\_\.py\n\nA &lt;img src=/);
    assert.match(text, /```py\n<b>\n```\n\n---\n/);
  });

  it('names the lines of a selection', async () => {
    const { uri } = await summarizer.summarize({ ...source, kind: 'selection', startLine: 7, text: 'a\nb\n' });
    assert.match(uri.path, /Summary of a\.ts, lines 7–8\.md$/);
  });

  it('reads every file that can be read, names the others, and ends with the one that is cancelled', async () => {
    const command = new SummarizeFileCommand(summarizer, surroundings.configuration);
    const first = await writeWorkspaceFile(surroundings, 'first.txt', 'one');
    const binary = await writeWorkspaceFile(surroundings, 'second.bin', new Uint8Array([0, 1]));
    const last = await writeWorkspaceFile(surroundings, 'third.txt', 'three');
    const asked = (): readonly string[] => assistant.questions.flatMap((q) => q.attachments.map(({ path }) => path));
    await assert.rejects(
      command.execute(first, [first, binary, last]),
      (error) => AnchorageError.is(error, 'fileInvalid') && error.message.includes('second.bin'),
    );
    assert.deepEqual(asked(), ['first.txt', 'third.txt']);
    assistant.script = () => Promise.reject(new AnchorageError('cancelled', 'Stopped.'));
    assert.equal((await command.execute(first, [first, last])).length, 1);
    assert.deepEqual(asked(), ['first.txt', 'third.txt', 'first.txt']);
  });
});
