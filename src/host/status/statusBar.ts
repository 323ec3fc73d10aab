import * as vscode from 'vscode';
import { assertNever } from '../../protocol/errors.ts';
import type { MemoryView } from '../../protocol/memory.ts';
import type { ModelInfo } from '../../protocol/worker.ts';
import type { Assistant } from '../assistant.ts';
import { Disposable } from '../disposable.ts';
import { formatBytes } from './formatBytes.ts';

interface Face {
  readonly text: string;
  readonly tooltip: string;
  readonly alert?: 'warning' | 'error';
}

/** The model's state at a glance; a click opens the menu. */
export class StatusBar extends Disposable {
  readonly #assistant: Assistant;
  readonly #item: vscode.StatusBarItem;
  #memory: MemoryView | undefined;

  constructor(assistant: Assistant) {
    super();
    this.#assistant = assistant;
    this.#item = this.register(
      vscode.window.createStatusBarItem('anchorage.status', vscode.StatusBarAlignment.Right, 90),
    );
    this.#item.name = 'Anchorage';
    this.#item.command = 'anchorage.showMenu';
    this.register(
      assistant.onDidChangeStatus(() => {
        this.#update();
      }),
    );
    this.register(
      assistant.onDidChangeRunning(() => {
        this.#update();
      }),
    );
    this.register(
      assistant.onDidChangeMemory((memory) => {
        this.#memory = memory;
        this.#update();
      }),
    );
    this.#update();
    this.#item.show();
  }

  /** As it is shown, with the icon in VS Code's `$(…)` notation. */
  get text(): string {
    return this.#item.text;
  }

  /** What is shown to who points at it, without its formatting. */
  get label(): string {
    return this.#item.accessibilityInformation?.label ?? '';
  }

  #update(): void {
    const { text, tooltip, alert } = this.#face();
    this.#item.text = text;
    this.#item.tooltip = new vscode.MarkdownString(tooltip);
    this.#item.accessibilityInformation = { label: tooltip.replaceAll(/[*`\n]+/g, ' '), role: 'button' };
    this.#item.backgroundColor = alert && new vscode.ThemeColor(`statusBarItem.${alert}Background`);
  }

  #face(): Face {
    const { status, running } = this.#assistant;
    switch (status.state) {
      case 'absent':
        return { text: '$(circle-slash) Anchorage', tooltip: `${status.message} ${status.remedy}`, alert: 'warning' };
      case 'stopped':
        return {
          text: '$(circle-outline) Anchorage',
          tooltip: vscode.l10n.t('Anchorage: the model is loaded at the first question.'),
        };
      case 'loading': {
        const percent = status.fraction === null ? '' : ` ${Math.round(100 * status.fraction)}%`;
        return {
          text: `$(sync~spin) Anchorage${percent}`,
          tooltip: vscode.l10n.t('Anchorage: the model is loading.'),
        };
      }
      case 'ready':
        return running > 0
          ? { text: '$(loading~spin) Anchorage', tooltip: this.#describe(status.model, running) }
          : { text: '$(check) Anchorage', tooltip: this.#describe(status.model, running) };
      case 'failed':
        return {
          text: '$(error) Anchorage',
          tooltip: `${status.error.message} ${status.error.remedy}`,
          alert: 'error',
        };
      default:
        return assertNever(status);
    }
  }

  #describe(model: ModelInfo, running: number): string {
    const lines = [
      `**${model.name}** · ${model.variant} · ${model.executionProvider}`,
      model.executionProviderReason,
      vscode.l10n.t('One anchor for {0} tokens ({1}, {2}).', model.ratio, model.scheme, model.choice),
      runningLine(running),
      this.#memory === undefined ? '' : memoryLine(this.#memory),
    ];
    return lines.filter(Boolean).join('\n\n');
  }
}

function runningLine(running: number): string {
  if (running === 0) {
    return '';
  }
  return running === 1 ? vscode.l10n.t('Answering one request.') : vscode.l10n.t('Answering {0} requests.', running);
}

function memoryLine({ kvRows, kvRowsFull, kvBytes, kvBytesFull }: MemoryView): string {
  return vscode.l10n.t(
    'The last session holds {0} key/value rows, {1}; full caching would hold {2}, {3}.',
    kvRows,
    formatBytes(kvBytes),
    kvRowsFull,
    formatBytes(kvBytesFull),
  );
}
