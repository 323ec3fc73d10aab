import { assertNever } from '../../protocol/errors.ts';
import type { ChatError, ModelStatus } from '../../protocol/webview.ts';
import type { AssistantStatus } from '../assistant.ts';
import { chatErrorOf } from '../errorPresenter.ts';

/** The assistant's status as the chat page shows it. */
export function modelStatusOf(status: AssistantStatus): ModelStatus {
  switch (status.state) {
    case 'absent':
    case 'loading':
      return status;
    case 'stopped':
      return { state: 'loading', fraction: null };
    case 'ready': {
      const { name, variant, executionProvider, executionProviderReason } = status.model;
      return { state: 'ready', name, variant, executionProvider, reason: executionProviderReason };
    }
    case 'failed':
      return { state: 'failed', error: withAction(chatErrorOf(status.error)) };
    default:
      return assertNever(status);
  }
}

/** Without a model the page can do nothing else. */
function withAction(error: ChatError): ChatError {
  return { ...error, action: error.action ?? 'retry' };
}
