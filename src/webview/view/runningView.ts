import { element, setAttributes, setText, setVisible } from '../dom.ts';
import { MarkdownView } from '../markdown/markdownView.ts';
import type { CodeActions } from '../markdown/renderTree.ts';
import { strings } from '../strings.ts';
import { questionBlock } from './questionBlock.ts';
import type { ReadProgress, RunningAnswer } from '../../protocol/webview.ts';

/** The exchange being answered: its question, what the model is doing, and the answer as far as it is written. */
export class RunningView {
  readonly element: HTMLElement;
  readonly requestId: string;
  /** The exchange that is asked anew; null for a new question. */
  readonly edits: string | null;
  readonly markdown: MarkdownView;
  readonly #stage = element('p', { class: 'stage' });
  readonly #bar = element('progress', { class: 'stage-bar', max: 1 });
  #text = '';

  constructor(running: RunningAnswer, actions: CodeActions) {
    this.requestId = running.requestId;
    this.edits = running.edits;
    this.markdown = new MarkdownView(actions);
    this.element = element(
      'article',
      { class: 'exchange running', 'aria-label': strings.answering, 'aria-busy': 'true' },
      questionBlock(running.question, running.attachments),
      element(
        'div',
        { class: 'answer' },
        element('h3', { class: 'visually-hidden' }, strings.assistant),
        this.markdown.element,
      ),
      this.#stage,
      this.#bar,
    );
    this.update(running);
  }

  /** The answer as far as it is written. */
  get text(): string {
    return this.#text;
  }

  /** Whether this view can go on to show `running`: the same answer, written further. */
  continues(running: RunningAnswer): boolean {
    return running.requestId === this.requestId && running.text.startsWith(this.#text);
  }

  update(running: RunningAnswer): void {
    this.append(running.text.slice(this.#text.length));
    this.showStage(running.stage, running.progress);
  }

  append(text: string): void {
    if (text !== '') {
      this.#text += text;
      this.markdown.append(text);
      this.showStage('answering', null);
    }
  }

  showStage(stage: RunningAnswer['stage'], progress: ReadProgress | null): void {
    setText(this.#stage, stageText(stage, progress));
    setVisible(this.#bar, stage === 'reading' && progress !== null);
    if (progress) {
      setAttributes(this.#bar, {
        value: progress.done,
        max: Math.max(1, progress.total),
        'aria-label': strings.readingUnknown,
      });
    }
  }
}

function stageText(stage: RunningAnswer['stage'], progress: ReadProgress | null): string {
  switch (stage) {
    case 'waiting':
      return strings.waiting;
    case 'reading':
      return progress ? strings.reading(progress.done, progress.total) : strings.readingUnknown;
    case 'answering':
      return strings.answering;
  }
}
