import { button, element } from '../dom.ts';
import { strings } from '../strings.ts';
import type { ChatError } from '../../protocol/webview.ts';

/** What happened, what to do about it, and the button that does it. */
export function errorBlock(error: ChatError, act: (action: NonNullable<ChatError['action']>) => void): HTMLElement {
  const { action } = error;
  return element(
    'div',
    { class: 'error', role: 'alert' },
    element('p', { class: 'error-message' }, error.message),
    error.remedy === '' ? null : element('p', { class: 'error-remedy' }, error.remedy),
    action && button({ label: strings.actions[action], className: 'secondary', onClick: () => act(action) }),
  );
}
