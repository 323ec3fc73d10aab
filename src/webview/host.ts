import type { FromWebviewMessage, ToWebviewMessage } from '../protocol/webview.ts';

/** The functions that the editor gives a webview. */
interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

/** What the page itself keeps over a reload: the state of its input and nothing of the conversation. */
export interface InputState {
  readonly draft: string;
  /** Questions asked before, the newest last. */
  readonly history: readonly string[];
}

/** The extension host as the page sees it. */
export class Host {
  readonly #api: VsCodeApi;

  constructor() {
    this.#api = acquireVsCodeApi();
  }

  send(message: FromWebviewMessage.Type): void {
    this.#api.postMessage(message);
  }

  onMessage(listener: (message: ToWebviewMessage.Type) => void): void {
    window.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
      if (isMessage(data)) {
        listener(data);
      }
    });
  }

  loadInput(): InputState {
    const state = this.#api.getState();
    if (typeof state !== 'object' || state === null || !('draft' in state) || !('history' in state)) {
      return { draft: '', history: [] };
    }
    return {
      draft: typeof state.draft === 'string' ? state.draft : '',
      history: Array.isArray(state.history) ? state.history.filter((entry) => typeof entry === 'string') : [],
    };
  }

  saveInput(state: InputState): void {
    this.#api.setState(state);
  }
}

const messageTypes: readonly string[] = [
  'state',
  'token',
  'progress',
  'memory',
  'sessions',
  'prefill',
  'found',
  'sequenceText',
] satisfies readonly ToWebviewMessage.Type['type'][];

/** The sender is our own host, which the compiler holds to the message types: the type alone tells its messages from the editor's. */
function isMessage(data: unknown): data is ToWebviewMessage.Type {
  return (
    typeof data === 'object' &&
    data !== null &&
    'type' in data &&
    typeof data.type === 'string' &&
    messageTypes.includes(data.type)
  );
}
