import { AnchorageError } from '../protocol/errors.ts';

/** What a session that is not there is answered with. */
export function noSession(id: string): AnchorageError {
  return new AnchorageError(
    'invalidInput',
    `There is no session ${id}.`,
    'It was deleted, or not stored. Start a new one.',
  );
}

/** What an exchange or a sequence is answered with that its session does not have. */
export function notInSession(what: 'exchange' | 'sequence', id: string): AnchorageError {
  return new AnchorageError(
    'invalidInput',
    `There is no ${what} ${id} in the session.`,
    'It was forgotten, or the session is another. Open the session again.',
  );
}
