import { element, setAttributes, setText, setVisible } from '../dom.ts';
import { strings } from '../strings.ts';
import { errorBlock } from './errorBlock.ts';
import { formatPercent } from '../format.ts';
import type { ChatError, ModelStatus } from '../../protocol/webview.ts';

/** What the model is doing: a line while it loads or is ready, a block with a button where it cannot be used. */
export class ModelStatusLine {
  readonly element = element('div', { class: 'model' });
  readonly #text = element('span', { role: 'status' });
  // Not part of the status, which would be read out again at every percent.
  readonly #percent = element('span', { 'aria-hidden': 'true' });
  readonly #line = element('p', { class: 'model-line' }, this.#text, this.#percent);
  readonly #bar = element('progress', { class: 'model-bar', max: 1, 'aria-label': strings.modelLoading });
  readonly #problem = element('div', {});
  readonly #act: (action: NonNullable<ChatError['action']>) => void;
  #shownProblem = '';

  constructor(act: (action: NonNullable<ChatError['action']>) => void) {
    this.#act = act;
    this.element.append(this.#line, this.#bar, this.#problem);
    // Until the host says more: it may be starting itself.
    this.update({ state: 'loading', fraction: null });
  }

  update(status: ModelStatus): void {
    const error = problemOf(status);
    setVisible(this.#line, error === null);
    setVisible(this.#bar, status.state === 'loading');
    this.#showProblem(error);
    setText(
      this.#percent,
      status.state === 'loading' && status.fraction !== null ? formatPercent(status.fraction) : '',
    );
    if (status.state === 'loading') {
      setText(this.#text, strings.modelLoading);
      setAttributes(this.#bar, { value: status.fraction });
    } else if (status.state === 'ready') {
      setText(this.#text, strings.modelReady(status.name, status.variant, status.executionProvider));
    }
    setAttributes(this.#line, { title: status.state === 'ready' ? status.reason : null });
  }

  #showProblem(error: ChatError | null): void {
    const key = JSON.stringify(error);
    if (key !== this.#shownProblem) {
      this.#shownProblem = key;
      this.#problem.replaceChildren(...(error ? [errorBlock(error, this.#act)] : []));
    }
  }
}

function problemOf(status: ModelStatus): ChatError | null {
  switch (status.state) {
    case 'absent':
      return { message: status.message || strings.modelAbsent, remedy: status.remedy, action: 'retry' };
    case 'failed':
      return { ...status.error, message: status.error.message || strings.modelFailed };
    case 'loading':
    case 'ready':
      return null;
  }
}
