import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { z } from 'zod';
import type { AnchorageApi } from '../../src/extension.ts';

const manifestSchema = z.object({
  capabilities: z.object({
    untrustedWorkspaces: z.object({ supported: z.string(), restrictedConfigurations: z.array(z.string()) }),
  }),
  contributes: z.object({
    commands: z.array(z.object({ command: z.string() })),
    configuration: z.array(z.object({ properties: z.record(z.string(), z.object({ scope: z.string() })) })),
  }),
});

describe('the extension in a real extension host', () => {
  it('is found and activates', async () => {
    const extension = vscode.extensions.getExtension('anchorage.anchorage');
    assert.ok(extension, 'the extension is not installed');
    await extension.activate();
    assert.equal(extension.isActive, true);
  });

  it('registers every command that its manifest contributes', async () => {
    const manifest = manifestSchema.parse(vscode.extensions.getExtension('anchorage.anchorage')?.packageJSON);
    const contributed = manifest.contributes.commands.map(({ command }) => command);
    const all = await vscode.commands.getCommands(true);
    // The editor adds some of its own for the view, such as its focus.
    const registered = all.filter((id) => id.startsWith('anchorage.') && !id.startsWith('anchorage.chat.'));
    assert.deepEqual(
      contributed.filter((id) => !all.includes(id)),
      [],
    );
    assert.deepEqual(
      registered.filter((id) => !contributed.includes(id)),
      [],
    );
  });

  it('starts no worker before it is needed', async () => {
    const extension = vscode.extensions.getExtension<AnchorageApi>('anchorage.anchorage');
    assert.ok(extension);
    const { assistant, statusBar } = await extension.activate();
    assert.equal(assistant.status.state, 'stopped');
    assert.match(statusBar.text, /Anchorage/);
  });

  it('lets no untrusted workspace choose what is run', () => {
    const manifest = manifestSchema.parse(vscode.extensions.getExtension('anchorage.anchorage')?.packageJSON);
    const { supported, restrictedConfigurations } = manifest.capabilities.untrustedWorkspaces;
    assert.equal(supported, 'limited');
    const properties = manifest.contributes.configuration.flatMap((section) => Object.entries(section.properties));
    const dangerous = properties.filter(([name]) => /folder|path/i.test(name));
    assert.deepEqual(
      dangerous.map(([name]) => name),
      ['anchorage.model.folder', 'anchorage.worker.nodePath'],
    );
    for (const [name, { scope }] of dangerous) {
      assert.equal(scope, 'machine', name);
      assert.ok(restrictedConfigurations.includes(name), name);
    }
  });
});
