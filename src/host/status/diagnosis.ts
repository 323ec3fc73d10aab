import * as vscode from 'vscode';
import { assertNever } from '../../protocol/errors.ts';
import type { Assistant, AssistantStatus } from '../assistant.ts';
import type { Configuration } from '../configuration.ts';
import { chatErrorOf } from '../errorPresenter.ts';
import { settingDefaults, settingNames, settingsSection } from '../settings.ts';

/** A report on the extension, its settings, the worker and the model, as Markdown. A part that fails says so in its place. */
export async function diagnosis(assistant: Assistant, configuration: Configuration, version: string): Promise<string> {
  // Without it the report would be on a worker that nobody has asked for its model yet. Why it fails is in the status.
  await assistant.start().catch(() => undefined);
  const checks = await workerSection(assistant);
  return [
    `# ${vscode.l10n.t('Anchorage diagnosis')}`,
    environmentSection(version),
    `## ${vscode.l10n.t('Model')}\n\n${statusText(assistant.status)}`,
    checks,
    settingsText(configuration),
    '',
  ].join('\n\n');
}

function environmentSection(version: string): string {
  const remote = vscode.env.remoteName === undefined ? '' : ` (${vscode.l10n.t('remote')})`;
  return table(
    ['', ''],
    [
      ['Anchorage', version],
      [vscode.env.appName, `${vscode.version}${remote}`],
      ['Node', process.version],
      [vscode.l10n.t('System'), `${process.platform}-${process.arch}`],
      [vscode.l10n.t('Workspace trusted'), String(vscode.workspace.isTrusted)],
    ],
  );
}

async function workerSection(assistant: Assistant): Promise<string> {
  const title = `## ${vscode.l10n.t('Checks of the worker')}`;
  try {
    const checks = await assistant.diagnose();
    const rows = checks.map(({ name, ok, detail, remedy }) => [ok ? '✓' : '✗', name, `${detail} ${ok ? '' : remedy}`]);
    return `${title}\n\n${table(['', vscode.l10n.t('Check'), vscode.l10n.t('Result')], rows)}`;
  } catch (error) {
    const { message, remedy } = chatErrorOf(error);
    return `${title}\n\n✗ **${message}** ${remedy}`;
  }
}

function statusText(status: AssistantStatus): string {
  switch (status.state) {
    case 'absent':
      return `✗ **${status.message}** ${status.remedy}`;
    case 'stopped':
      return vscode.l10n.t('Not loaded yet.');
    case 'loading':
      return vscode.l10n.t('Loading.');
    case 'failed':
      return `✗ **${status.error.message}** ${status.error.remedy}`;
    case 'ready':
      return table(
        ['', ''],
        Object.entries(status.model).map(([name, value]) => [name, describe(value)]),
      );
    default:
      return assertNever(status);
  }
}

function describe(value: string | number | readonly number[]): string {
  return typeof value === 'number' ? String(Math.round(value)) : value.toString().replaceAll(',', ', ');
}

function settingsText({ settings, refused }: Configuration): string {
  const rows = settingNames.map((name) => {
    const refusal = refused.find((setting) => setting.name === `${settingsSection}.${name}`);
    const note = refusal
      ? vscode.l10n.t('✗ {0} was refused: {1}', JSON.stringify(refusal.value), refusal.problem)
      : settings[name] === settingDefaults[name]
        ? vscode.l10n.t('default')
        : '';
    return [`\`${settingsSection}.${name}\``, JSON.stringify(settings[name]), note];
  });
  return `## ${vscode.l10n.t('Settings')}\n\n${table([vscode.l10n.t('Setting'), vscode.l10n.t('Value'), ''], rows)}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ').trim()).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
