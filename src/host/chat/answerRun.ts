import { randomUUID } from 'node:crypto';
import type { ReadProgress, RunningAnswer, ToWebviewMessage } from '../../protocol/webview.ts';
import type { Attachment, Exchange } from '../../protocol/worker.ts';
import type { Answer, Assistant, Question } from '../assistant.ts';
import { chipOf, chipsOf } from './attachmentChips.ts';

/** What is asked: something new, or an exchange anew, whose own attachments the worker has. */
export interface ChatQuestion {
  readonly text: string;
  readonly attachments: readonly Attachment[];
  readonly edits: Exchange | null;
}

/** One question of the chat while it is answered: gathers the text and reports every advance of it. */
export class AnswerRun {
  readonly question: ChatQuestion;
  readonly #abort = new AbortController();
  readonly #post: (message: ToWebviewMessage.Token | ToWebviewMessage.Progress) => void;
  #running: RunningAnswer;

  constructor(question: ChatQuestion, post: (message: ToWebviewMessage.Token | ToWebviewMessage.Progress) => void) {
    const { text, attachments, edits } = question;
    this.question = question;
    this.#post = post;
    this.#running = {
      requestId: randomUUID(),
      question: text,
      attachments: [...(edits === null ? [] : chipsOf(edits)), ...attachments.map(chipOf)],
      edits: edits?.id ?? null,
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
    const { text, attachments, edits } = this.question;
    const { requestId } = this.#running;
    return await assistant.ask(
      {
        requestId,
        sessionId,
        task: 'chat',
        // The worker takes an empty one for the question that it has.
        question: text === edits?.question ? '' : text,
        attachments: [...attachments],
        edits: edits?.id ?? null,
        sampling,
      },
      {
        onRead: (progress) => {
          this.#advance('reading', progress);
        },
        onToken: (token) => {
          this.#append(token);
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
