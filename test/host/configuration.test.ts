import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { settingDefaults, settingNames, settingsSection } from '../../src/host/settings.ts';
import { Surroundings } from './surroundings.ts';

describe('configuration', () => {
  let surroundings: Surroundings;
  beforeEach(() => {
    surroundings = new Surroundings();
  });
  afterEach(async () => {
    surroundings.dispose();
    const section = vscode.workspace.getConfiguration(settingsSection);
    await section.update('chat.temperature', undefined, vscode.ConfigurationTarget.Global);
    await section.update('answer.maxTokens', undefined, vscode.ConfigurationTarget.Global);
  });

  it('has in the manifest the settings and defaults of the code, and no others', () => {
    const section = vscode.workspace.getConfiguration(settingsSection);
    for (const name of settingNames) {
      assert.equal(section.inspect(name)?.defaultValue, settingDefaults[name], name);
    }
    const manifest: unknown = vscode.extensions.getExtension('anchorage.anchorage')?.packageJSON;
    const contributed = JSON.stringify(manifest).match(/"anchorage\.[a-z]+\.[a-zA-Z]+":\{"order"/g) ?? [];
    assert.equal(contributed.length, settingNames.length);
  });

  it('uses a value from the moment it is set', async () => {
    const changed = new Promise((resolve) => surroundings.add(surroundings.configuration.onDidChange(resolve)));
    await vscode.workspace
      .getConfiguration(settingsSection)
      .update('answer.maxTokens', 33, vscode.ConfigurationTarget.Global);
    assert.deepEqual(await changed, ['answer.maxTokens']);
    assert.equal(surroundings.configuration.settings['answer.maxTokens'], 33);
  });

  it('uses the default of a value that makes no sense, and names both', async () => {
    await vscode.workspace
      .getConfiguration(settingsSection)
      .update('chat.temperature', 'hot', vscode.ConfigurationTarget.Global);
    assert.equal(surroundings.configuration.settings['chat.temperature'], settingDefaults['chat.temperature']);
    const [refused] = surroundings.configuration.refused;
    assert.equal(refused?.name, 'anchorage.chat.temperature');
    assert.equal(refused.value, 'hot');
    assert.equal(refused.used, 0);
  });
});
