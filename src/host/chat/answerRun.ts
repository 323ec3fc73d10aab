import { randomUUID } from 'node:crypto';
import type { ReadProgress, RunningAnswer, ToWebviewMessage } from '../../protocol/webview.ts';
import type { Attachment } from '../../protocol/worker.ts';
import type { Answer, Assistant, Question } from '../assistant.ts';
import { chipOf } from './pendingAttachments.ts';

/** One question of the chat while it is answered: gathers the text and reports every advance of it. */
export class AnswerRun {
  readonly question: string;
  readonly attachments: readonly Attachment[];
  readonly #abort = new AbortController();
  readonly #post: (message: ToWebviewMessage.Token | ToWebviewMessage.Progress) => void;
  #running: RunningAnswer;

  constructor(
    question: string,
    attachments: readonly Attachment[],
    post: (message: ToWebviewMessage.Token | ToWebviewMessage.Progress) => void,
  ) {
    this.question = question;
    this.attachments = attachments;
    this.#post = post;
    this.#running = {
      requestId: randomUUID(),
      question,
      attachments: attachments.map(chipOf),
      text: '',
      stage: 'waiting',
      progress: null,
    };
  }

  get running(): RunningAnswer {
    return this.#running;
  }

  /** Aborted by `stop`. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  async request(assistant: Assistant, sessionId: string, sampling: Question['sampling']): Promise<Answer> {
    const { requestId } = this.#running;
    return await assistant.ask(
      {
        requestId,
        sessionId,
        task: 'chat',
        question: this.question,
        attachments: [...this.attachments],
        sampling,
      },
      {
        onRead: (progress) => {
          this.#advance('reading', progress);
        },
        onToken: (text) => {
          this.#append(text);
        },
      },
      this.signal,
    );
  }

  /** The request then ends with what is answered, or with `cancelled` where nothing is. */
  stop(): void {
    this.#abort.abort();
  }

  #advance(stage: RunningAnswer['stage'], progress: ReadProgress | null): void {
    this.#running = { ...this.#running, stage, progress };
    this.#post({ type: 'progress', requestId: this.#running.requestId, stage, progress });
  }

  #append(text: string): void {
    if (this.#running.stage !== 'answering') {
      this.#advance('answering', null);
    }
    this.#running = { ...this.#running, text: this.#running.text + text };
    this.#post({ type: 'token', requestId: this.#running.requestId, text });
  }
}
