import * as vscode from 'vscode';
import { Disposable } from './disposable.ts';
import {
  readSettings,
  type RefusedSetting,
  type SettingName,
  type Settings,
  settingNames,
  settingsSection,
} from './settings.ts';

/** The settings of now, validated; warns once for every value that was refused. */
export class Configuration extends Disposable {
  readonly #onDidChange = this.register(new vscode.EventEmitter<readonly SettingName[]>());
  /** Carries the names whose value may be another now. */
  readonly onDidChange = this.#onDidChange.event;
  readonly #log: vscode.LogOutputChannel;
  readonly #warned = new Set<string>();
  #settings: Settings;
  #refused: readonly RefusedSetting[] = [];

  constructor(log: vscode.LogOutputChannel) {
    super();
    this.#log = log;
    this.#settings = this.#read();
    this.register(
      vscode.workspace.onDidChangeConfiguration((event) => {
        const names = settingNames.filter((name) => event.affectsConfiguration(`${settingsSection}.${name}`));
        if (names.length > 0) {
          this.#settings = this.#read();
          this.#onDidChange.fire(names);
        }
      }),
    );
  }

  get settings(): Settings {
    return this.#settings;
  }

  /** The values that were not used, for diagnosis. */
  get refused(): readonly RefusedSetting[] {
    return this.#refused;
  }

  #read(): Settings {
    const configuration = vscode.workspace.getConfiguration(settingsSection);
    const { settings, refused } = readSettings((name) => configuration.get(name));
    this.#refused = refused;
    for (const setting of refused) {
      void this.#warn(setting);
    }
    return settings;
  }

  async #warn({ name, value, problem, used }: RefusedSetting): Promise<void> {
    const message = vscode.l10n.t(
      'The setting {0} is {1}: {2}. Anchorage uses the default, {3}.',
      name,
      JSON.stringify(value),
      problem,
      JSON.stringify(used),
    );
    if (this.#warned.has(message)) {
      return;
    }
    this.#warned.add(message);
    this.#log.warn(message);
    const open = vscode.l10n.t('Open Settings');
    if ((await vscode.window.showWarningMessage(message, open)) === open) {
      await vscode.commands.executeCommand('workbench.action.openSettings', name);
    }
  }
}
