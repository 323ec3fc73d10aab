import assert from 'node:assert/strict';
import * as vscode from 'vscode';

describe('the extension in a real extension host', () => {
  it('is found and activates', async () => {
    const extension = vscode.extensions.getExtension('anchorage.anchorage');
    assert.ok(extension, 'the extension is not installed');
    await extension.activate();
    assert.equal(extension.isActive, true);
  });

  it('registers every command that its manifest contributes', async () => {
    const extension = vscode.extensions.getExtension('anchorage.anchorage');
    assert.ok(extension);
    const manifest: unknown = extension.packageJSON;
    const contributed = commandsOf(manifest);
    const registered = new Set(await vscode.commands.getCommands(true));
    assert.ok(contributed.length > 0);
    assert.deepEqual(
      contributed.filter((command) => !registered.has(command)),
      [],
    );
  });
});

function commandsOf(manifest: unknown): readonly string[] {
  assert.ok(typeof manifest === 'object' && manifest !== null && 'contributes' in manifest);
  const { contributes } = manifest;
  assert.ok(typeof contributes === 'object' && contributes !== null && 'commands' in contributes);
  const { commands } = contributes;
  assert.ok(Array.isArray(commands));
  return commands.map((entry: unknown) => {
    assert.ok(typeof entry === 'object' && entry !== null && 'command' in entry && typeof entry.command === 'string');
    return entry.command;
  });
}
