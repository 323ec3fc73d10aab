import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { ToWebviewMessage } from '../../src/protocol/webview.ts';
import { ChatController } from '../../src/host/chat/chatController.ts';
import { SessionFiles } from '../../src/host/chat/sessionFiles.ts';
import { FakeAssistant } from './fakeAssistant.ts';
import { Surroundings, workspaceFile, writeWorkspaceFile } from './surroundings.ts';

describe('sessions as files', () => {
  let surroundings: Surroundings;
  let assistant: FakeAssistant;
  let chat: ChatController;
  let posted: ToWebviewMessage.Type[];
  let offered: vscode.SaveDialogOptions | undefined;
  /** What the user picks in either dialog. */
  let picked: vscode.Uri | undefined;

  beforeEach(async () => {
    surroundings = new Surroundings();
    assistant = new FakeAssistant();
    picked = undefined;
    const files = new SessionFiles({
      save: (options) => {
        offered = options;
        return Promise.resolve(picked);
      },
      open: () => Promise.resolve(picked && [picked]),
    });
    const { configuration, lastSession, log } = surroundings;
    chat = surroundings.add(new ChatController(assistant, configuration, lastSession, log, files));
    posted = [];
    surroundings.add(chat.onDidPost((message) => posted.push(message)));
    await chat.ask('one');
  });
  afterEach(() => {
    surroundings.dispose();
  });

  const sessionId = (): string => chat.state.sessionId ?? '';

  it('writes a session where the user wants it, under the name that the worker gives', async () => {
    picked = await writeWorkspaceFile(surroundings, 'exported.md', '');
    await chat.sessions.export(sessionId(), 'markdown');
    assert.equal(offered?.defaultUri?.path, workspaceFile('one.md').path);
    assert.equal(new TextDecoder().decode(await vscode.workspace.fs.readFile(picked)), 'one');
    assert.equal(chat.state.error, null);
  });

  it('does nothing where the user picks no file', async () => {
    await chat.sessions.export(sessionId(), 'json');
    await chat.sessions.import();
    assert.equal(chat.state.error, null);
    assert.equal(assistant.sessions.size, 1);
  });

  it('says which file could not be written', async () => {
    const file = await writeWorkspaceFile(surroundings, 'plain.txt', '');
    picked = vscode.Uri.joinPath(file, 'inside.md');
    await chat.sessions.export(sessionId(), 'markdown');
    assert.match(chat.state.error?.message ?? '', /inside\.md could not be written/);
    assert.equal(chat.state.error?.action, null);
  });

  it('takes a session from a file, and shows it', async () => {
    picked = await writeWorkspaceFile(surroundings, 'imported.json', 'Imported');
    await chat.sessions.import();
    assert.equal(chat.state.title, 'Imported');
    assert.equal(posted.at(-1)?.type, 'sessions');
  });

  it('refuses a file that is missing, no text, or far too large', async () => {
    const before = chat.state.sessionId;
    picked = workspaceFile('missing.json');
    await chat.sessions.import();
    assert.match(chat.state.error?.message ?? '', /missing\.json could not be read/);
    picked = await writeWorkspaceFile(surroundings, 'binary.json', new Uint8Array([0xff, 0xfe, 0xff]));
    await chat.sessions.import();
    assert.match(chat.state.error?.message ?? '', /binary\.json could not be read/);
    picked = await writeWorkspaceFile(surroundings, 'large.json', new Uint8Array(64_000_001));
    await chat.sessions.import();
    assert.match(chat.state.error?.message ?? '', /large\.json is too large for a session: 64 MB/);
    assert.equal(chat.state.sessionId, before);
  });

  it('renames and searches, and tells of a session that another window deleted', async () => {
    await chat.sessions.rename(sessionId(), 'Renamed');
    assert.equal(chat.state.title, 'Renamed');
    await chat.sessions.search('Ren');
    const found = posted.at(-1);
    assert.ok(found?.type === 'found' && found.query === 'Ren' && found.hits.length === 1);
    assistant.sessions.clear();
    await chat.sessions.rename(sessionId(), 'Again');
    assert.match(chat.state.error?.message ?? '', /no session/);
    assert.equal(chat.state.title, 'Renamed');
    await chat.sessions.export(sessionId(), 'json');
    assert.match(chat.state.error?.message ?? '', /no session/);
  });

  it('shows what was sought last, in whatever order the answers come', async () => {
    const searchSessions = assistant.searchSessions.bind(assistant);
    const late = Promise.withResolvers<undefined>();
    assistant.searchSessions = async (query) => {
      await (query === 'first' ? late.promise : undefined);
      return await searchSessions(query);
    };
    const first = chat.sessions.search('first');
    await chat.sessions.search('second');
    late.resolve(undefined);
    await first;
    assert.deepEqual(
      posted.flatMap((message) => (message.type === 'found' ? [message.query] : [])),
      ['second'],
    );
  });
});
