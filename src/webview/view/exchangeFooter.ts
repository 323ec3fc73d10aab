import { button, element } from '../dom.ts';
import { icon } from '../icons.ts';
import { strings } from '../strings.ts';
import { branchSwitcher, type BranchActions } from './branchSwitcher.ts';
import type { Exchange } from '../../protocol/worker.ts';

export interface ExchangeFooterActions extends BranchActions {
  copy(text: string): void;
  regenerate(exchangeId: string): void;
}

/** Below an answer: how it ended, what it took, its other versions, and what can be done with it. */
export function exchangeFooter(exchange: Exchange, actions: ExchangeFooterActions): HTMLElement {
  const { id, answer, stopReason, usage } = exchange;
  const stopped = strings.stopReasons[stopReason];
  const detail = strings.usageDetail(usage.kvRows, usage.kvRowsFull, usage.prefillMs, usage.decodeMs);
  const regenerate = button({
    label: strings.regenerate,
    icon: icon('again'),
    className: 'icon-button when-idle',
    onClick: () => actions.regenerate(id),
  });
  const copy = button({
    label: strings.copyAnswer,
    icon: icon('copy'),
    done: icon('check'),
    className: 'icon-button',
    onClick: () => actions.copy(answer),
  });
  return element(
    'footer',
    { class: 'exchange-footer' },
    stopped === null ? null : element('span', { class: 'stop-reason' }, stopped),
    element('span', { title: detail }, strings.usage(usage.answerTokens, usage.prefillMs + usage.decodeMs)),
    element(
      'span',
      { class: 'exchange-tools' },
      branchSwitcher(exchange, actions),
      regenerate,
      answer === '' ? null : copy,
    ),
  );
}

/** In place of an exchange that was forgotten: that there was one, and its other versions. */
export function forgottenLine(exchange: Exchange, actions: ExchangeFooterActions): HTMLElement {
  return element(
    'footer',
    { class: 'exchange-footer' },
    element('span', { class: 'forgotten' }, strings.forgotten),
    element('span', { class: 'exchange-tools' }, branchSwitcher(exchange, actions)),
  );
}
