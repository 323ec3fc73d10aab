import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { symbolLinesOf } from '../../src/host/editor/symbolLines.ts';
import { readFile } from '../../src/host/editor/textSource.ts';
import { OpenFileIndexer } from '../../src/host/files/openFileIndexer.ts';
import { settingsSection } from '../../src/host/settings.ts';
import { FakeAssistant } from './fakeAssistant.ts';
import { eventually, openText, Surroundings, writeWorkspaceFile } from './surroundings.ts';

const times = { quietMs: 100, powerMs: 200 };
/** Longer than it takes to send what there is to send. */
const longEnough = 600;

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

describe('files read ahead', () => {
  let surroundings: Surroundings;
  let assistant: FakeAssistant;
  let onBattery: boolean;
  const power = { isOnBattery: () => Promise.resolve(onBattery) };

  beforeEach(async () => {
    surroundings = new Surroundings();
    assistant = new FakeAssistant();
    onBattery = false;
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
  });
  afterEach(async () => {
    surroundings.dispose();
    await setIndexing(undefined);
    await vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
  });

  const index = (): void => {
    surroundings.add(new OpenFileIndexer(assistant, surroundings.configuration, power, surroundings.log, times));
  };
  const paths = (): string[] => assistant.indexed.map(({ path }) => path);
  const setIndexing = async (value: boolean | undefined): Promise<void> => {
    const section = vscode.workspace.getConfiguration(settingsSection);
    await section.update('memory.indexOpenFiles', value, vscode.ConfigurationTarget.Global);
  };
  const open = async (name: string, text: string): Promise<vscode.TextEditor> => {
    const uri = await writeWorkspaceFile(surroundings, name, text);
    return await vscode.window.showTextDocument(uri, { preview: false });
  };

  it('are those in the tabs, the active one last, as they are when they are attached', async () => {
    await open('one.txt', 'first\n');
    const { document } = await open('two.txt', 'second\n');
    index();
    await eventually('both are sent', () => assistant.indexed.length === 2);
    assert.deepEqual(paths(), ['one.txt', 'two.txt']);
    assert.deepEqual(assistant.indexed[1], await readFile(document.uri, 4));
  });

  it('are sent again once they have changed, after the last edit, and not before', async () => {
    const editor = await open('one.txt', 'first\n');
    index();
    await eventually('it is sent', () => assistant.indexed.length === 1);
    for (const text of ['a', 'b']) {
      await editor.edit((edit) => {
        edit.insert(new vscode.Position(0, 0), text);
      });
    }
    await eventually('it is sent again', () => assistant.indexed.length === 2);
    assert.equal(assistant.indexed[1]?.text, 'bafirst\n');
    await pause(longEnough);
    assert.equal(assistant.indexed.length, 2);
  });

  it('are not those with secrets, untitled ones, or none', async () => {
    await open('.env', 'KEY=1\n');
    await open('server.pem', 'KEY\n');
    await open('empty.txt', '');
    await openText('untitled');
    index();
    await pause(longEnough);
    assert.deepEqual(paths(), []);
  });

  it('wait for the model, and start none', async () => {
    assistant.status = { state: 'stopped' };
    await open('one.txt', 'first\n');
    index();
    await pause(longEnough);
    assert.deepEqual(paths(), []);
    assert.equal(assistant.status.state, 'stopped');
    await assistant.start();
    await eventually('it is sent', () => assistant.indexed.length === 1);
  });

  it('wait for mains, and stop when they are unplugged', async () => {
    onBattery = true;
    await open('one.txt', 'first\n');
    index();
    await pause(longEnough);
    assert.deepEqual(paths(), []);
    onBattery = false;
    await eventually('it is sent', () => assistant.indexed.length === 1);
    onBattery = true;
    await eventually('it is stopped', () => assistant.stopsOfIndexing === 1);
  });

  it('are none where the setting is off', async () => {
    await open('one.txt', 'first\n');
    index();
    await eventually('it is sent', () => assistant.indexed.length === 1);
    await setIndexing(false);
    await eventually('it is stopped', () => assistant.stopsOfIndexing === 1);
    await setIndexing(true);
    await eventually('it is sent again', () => assistant.indexed.length === 2);
  });
});

describe('lines of symbols', () => {
  const text = 'alpha\nbeta\ngamma\ndelta\n';
  const symbol = (line: number, kind: vscode.SymbolKind): vscode.DocumentSymbol => {
    const range = new vscode.Range(line, 0, line, 1);
    return new vscode.DocumentSymbol(`s${line}`, '', kind, range, range);
  };

  it('are those of functions and types, nested ones too, ascending, and asked for once a version', async () => {
    const surroundings = new Surroundings();
    let asked = 0;
    const outer = symbol(2, vscode.SymbolKind.Class);
    outer.children = [symbol(3, vscode.SymbolKind.Method), symbol(1, vscode.SymbolKind.Field)];
    const provider = { provideDocumentSymbols: () => (asked++, [outer, symbol(0, vscode.SymbolKind.Function)]) };
    surroundings.add(vscode.languages.registerDocumentSymbolProvider({ scheme: 'untitled' }, provider));
    // Not shown: an editor asks for symbols too.
    const document = await vscode.workspace.openTextDocument({ content: text });
    assert.deepEqual(await symbolLinesOf(document), [1, 3, 4]);
    assert.deepEqual(await symbolLinesOf(document), [1, 3, 4]);
    assert.equal(asked, 1);
    surroundings.dispose();
  });

  it('are none where the language server does not answer in time', async () => {
    const surroundings = new Surroundings();
    const never = new Promise<vscode.DocumentSymbol[]>(() => undefined);
    const provider = { provideDocumentSymbols: () => never };
    surroundings.add(vscode.languages.registerDocumentSymbolProvider({ scheme: 'untitled' }, provider));
    const { document } = await openText(text);
    const began = performance.now();
    assert.deepEqual(await symbolLinesOf(document), []);
    assert.ok(performance.now() - began < 5000);
    surroundings.dispose();
  });
});
