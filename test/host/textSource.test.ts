import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { AnchorageError, ErrorReason } from '../../src/protocol/errors.ts';
import { filesToPick } from '../../src/host/editor/pickFile.ts';
import { readFiles } from '../../src/host/editor/readFiles.ts';
import { readFile, readRange } from '../../src/host/editor/textSource.ts';
import { openText, Surroundings, workspaceFile, writeWorkspaceFile } from './surroundings.ts';

const limit = 4;

describe('text given to the model', () => {
  let surroundings: Surroundings;
  beforeEach(() => {
    surroundings = new Surroundings();
  });
  afterEach(() => {
    surroundings.dispose();
  });

  const refused = async (uri: vscode.Uri, reason: ErrorReason, message: RegExp, remedy: RegExp): Promise<void> => {
    await assert.rejects(readFile(uri, limit), (error: AnchorageError) => {
      assert.equal(error.reason, reason);
      assert.match(error.message, message);
      assert.match(error.remedy, remedy);
      return true;
    });
  };

  it('is a file of the workspace, named from the folder on', async () => {
    const uri = await writeWorkspaceFile(surroundings, 'greeting.py', 'print("grüße")\n');
    const read = await readFile(uri, limit);
    assert.deepEqual(read, {
      kind: 'file',
      path: 'greeting.py',
      languageId: 'python',
      startLine: 1,
      text: 'print("grüße")\n',
      symbolLines: [],
    });
  });

  it('is what the editor shows, where the file has unsaved changes', async () => {
    const uri = await writeWorkspaceFile(surroundings, 'unsaved.txt', 'old');
    const editor = await vscode.window.showTextDocument(uri);
    await editor.edit((edit) => {
      edit.insert(new vscode.Position(0, 0), 'new ');
    });
    assert.equal((await readFile(uri, limit)).text, 'new old');
    await vscode.commands.executeCommand('workbench.action.files.revert');
  });

  it('is an untitled document', async () => {
    const { document } = await openText('x = 1', 'python');
    const { text, languageId, path } = await readFile(document.uri, limit);
    assert.deepEqual({ text, languageId }, { text: 'x = 1', languageId: 'python' });
    assert.match(path, /Untitled/);
  });

  it('is a range, with the lines counted from one', async () => {
    const { document } = await openText('a\nb\nc\n');
    assert.deepEqual(readRange(document, new vscode.Range(1, 0, 2, 1), limit).startLine, 2);
    assert.equal(readRange(document, new vscode.Range(1, 0, 2, 1), limit).text, 'b\nc');
    assert.throws(() => readRange(document, new vscode.Range(3, 0, 3, 0), limit), /empty/);
  });

  it('is a range of whole lines without the start of the next one, and no larger than the setting', async () => {
    const { document } = await openText(`a\nb\nc\n${'x'.repeat(limit * 1024)}`);
    assert.equal(readRange(document, new vscode.Range(0, 0, 2, 0), limit).text, 'a\nb');
    assert.throws(
      () => readRange(document, new vscode.Range(0, 0, 3, limit * 1024), limit),
      /The selection in .* has 5 KiB; at most 4 KiB/,
    );
  });

  it('is every file that can be read of several; the others are named', async () => {
    const good = await writeWorkspaceFile(surroundings, 'good.txt', 'text');
    const nothing = await readFiles([good], limit);
    assert.equal(nothing.problem, null);
    const { read, problem } = await readFiles([workspaceFile('no.txt'), good, workspaceFile('none.txt')], limit);
    assert.deepEqual(
      read.map(({ path }) => path),
      ['good.txt'],
    );
    assert.match(problem?.message ?? '', /no\.txt cannot be read.*none\.txt cannot be read/s);
  });

  it('is offered from the files that a search finds, an open one once', async () => {
    const shown = await writeWorkspaceFile(surroundings, 'offered.txt', 'text');
    const hidden = await writeWorkspaceFile(surroundings, 'node_modules/hidden/index.js', 'text');
    await vscode.window.showTextDocument(shown, { viewColumn: vscode.ViewColumn.One });
    await vscode.window.showTextDocument(shown, { viewColumn: vscode.ViewColumn.Two });
    const offered = (await filesToPick()).map(String);
    assert.equal(offered.filter((uri) => uri === shown.toString()).length, 1);
    assert.ok(!offered.includes(hidden.toString()));
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
  });

  it('is not an empty file', async () => {
    const uri = await writeWorkspaceFile(surroundings, 'blank.txt', ' \n\n');
    await refused(uri, 'invalidInput', /blank\.txt is empty/, /text/);
  });

  it('is not a binary file', async () => {
    const uri = await writeWorkspaceFile(surroundings, 'image.bin', new Uint8Array([137, 80, 78, 71, 0, 1, 2, 255]));
    await refused(uri, 'fileInvalid', /image\.bin is a binary file/, /text/);
  });

  it('is not text in another encoding, read wrongly', async () => {
    const latin1 = Buffer.from('name = "Müller"\n', 'latin1');
    const uri = await writeWorkspaceFile(surroundings, 'latin1.txt', latin1);
    await refused(uri, 'fileInvalid', /latin1\.txt is not valid utf8/, /Change File Encoding/);
  });

  it('is UTF-16 where the file says so', async () => {
    const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('wide\n', 'utf16le')]);
    const uri = await writeWorkspaceFile(surroundings, 'wide.txt', utf16);
    assert.equal((await readFile(uri, limit)).text, 'wide\n');
  });

  it('is not larger than the setting, which the error names', async () => {
    const uri = await writeWorkspaceFile(surroundings, 'huge.txt', 'x'.repeat(limit * 1024 + 1));
    await refused(uri, 'contextTooLong', /huge\.txt has 5 KiB; at most 4 KiB/, /anchorage\.files\.maxSize/);
  });

  it('is not a folder, nor a file that is not there', async () => {
    await refused(workspaceFile(''), 'fileUnreadable', /is a folder/, /Choose a file/);
    await refused(workspaceFile('nowhere.txt'), 'fileUnreadable', /nowhere\.txt cannot be read/, /exists/);
  });
});
