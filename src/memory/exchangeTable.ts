import type { Attachment } from '../protocol/worker.ts';
import { pairAttachments } from './forgetting.ts';
import type { StoredExchange } from './sessionStore.ts';
import type { StoreDatabase } from './storeDatabase.ts';
import {
  attachmentRowSchema,
  attachmentTextRowSchema,
  exchangeRowSchema,
  forgottenRowSchema,
  rehydratedRowSchema,
  sequenceRowSchema,
} from './storedRows.ts';

/**
 * A sequence (?1) and those that were read after it, seeing it: of its exchange and of the exchanges that follow that
 * in the tree, but those that were read alone.
 */
const seeing = `WITH RECURSIVE after (id) AS (
    SELECT e.id FROM exchanges e JOIN sequences s ON e.parent_id = s.exchange_id WHERE s.id = ?1
    UNION SELECT e.id FROM exchanges e JOIN after ON e.parent_id = after.id
  ), seeing (id) AS (
    SELECT ?1
    UNION SELECT s.id FROM sequences s JOIN after ON s.exchange_id = after.id WHERE s.independent = 0
    UNION SELECT s.id FROM sequences s JOIN sequences f ON s.exchange_id = f.exchange_id
      WHERE f.id = ?1 AND s.position > f.position AND s.independent = 0
  )`;

const statements = {
  exchanges: `SELECT id, parent_id AS parentId, question, answer, stop_reason AS stopReason, usage, rehydrated,
    forgotten AS isForgotten FROM exchanges WHERE session_id = ? ORDER BY position`,
  attachments: `SELECT a.exchange_id AS exchangeId, a.kind, a.path, a.language_id AS languageId,
    a.start_line AS startLine, a.lines
    FROM attachments a JOIN exchanges e ON e.id = a.exchange_id WHERE e.session_id = ? ORDER BY e.position, a.position`,
  attachmentTexts: `SELECT kind, path, language_id AS languageId, start_line AS startLine, text,
    symbol_lines AS symbolLines FROM attachments WHERE exchange_id = ? AND text <> '' ORDER BY position`,
  sequences: `SELECT id, exchange_id AS exchangeId, text, tokens, ratio, choice, independent, anchor_key AS anchorKey,
    spilled, pinned, attention, used_at AS usedAt FROM sequences WHERE session_id = ? ORDER BY position`,
  addExchange: `INSERT INTO exchanges
    (id, session_id, position, parent_id, question, answer, stop_reason, usage, rehydrated, forgotten)
    VALUES (?1, ?2, (SELECT coalesce(max(position) + 1, 0) FROM exchanges WHERE session_id = ?2),
      ?3, ?4, ?5, ?6, ?7, ?8, ?9)`,
  addAttachment: `INSERT INTO attachments
    (exchange_id, position, kind, path, language_id, start_line, lines, text, symbol_lines)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  addSequence: `INSERT INTO sequences
    (id, session_id, position, exchange_id, text, tokens, independent, ratio, choice, anchor_key, spilled, pinned,
      attention, used_at)
    VALUES (?1, ?2, (SELECT coalesce(max(position) + 1, 0) FROM sequences WHERE session_id = ?2),
      ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)`,
  sequence: 'SELECT exchange_id AS exchangeId, text FROM sequences WHERE id = ? AND session_id = ?',
  dropSequence: 'DELETE FROM sequences WHERE id = ?',
  emptyExchange: "UPDATE exchanges SET question = '', answer = '', rehydrated = '[]', forgotten = 1 WHERE id = ?",
  emptyAttachments: `UPDATE attachments SET text = '', symbol_lines = '[]'
    WHERE exchange_id = ? AND path = ? AND start_line <= ? AND start_line + lines > ?`,
  rehydrated: 'SELECT id, rehydrated FROM exchanges WHERE session_id = ? AND instr(rehydrated, ?)',
  setRehydrated: 'UPDATE exchanges SET rehydrated = ? WHERE id = ?',
  unnameAnchorsSeeing: `${seeing} UPDATE sequences SET anchor_key = NULL WHERE session_id = ?2 AND anchor_key IN
    (SELECT anchor_key FROM sequences JOIN seeing USING (id) WHERE anchor_key IS NOT NULL)`,
} as const;

/** The exchanges of sessions in a file, with their attachments and sequences. What changes is called within a transaction. */
export class ExchangeTable {
  readonly #database: StoreDatabase;

  constructor(database: StoreDatabase) {
    this.#database = database;
  }

  read(sessionId: string): StoredExchange[] {
    const attachments = byExchange(this.#database.all(statements.attachments, attachmentRowSchema, sessionId));
    const sequences = byExchange(this.#database.all(statements.sequences, sequenceRowSchema, sessionId));
    return this.#database.all(statements.exchanges, exchangeRowSchema, sessionId).map((exchange) => ({
      ...exchange,
      attachments: attachments.get(exchange.id) ?? [],
      sequences: sequences.get(exchange.id) ?? [],
    }));
  }

  attachments(exchangeId: string): Attachment[] {
    return this.#database.all(statements.attachmentTexts, attachmentTextRowSchema, exchangeId);
  }

  add(sessionId: string, exchange: StoredExchange, attachments: readonly Attachment[]): void {
    const { id, parentId, question, answer, stopReason, usage, rehydrated, isForgotten } = exchange;
    const flag = isForgotten ? 1 : 0;
    const counted = [JSON.stringify(usage), JSON.stringify(rehydrated), flag];
    this.#database.run(statements.addExchange, id, sessionId, parentId, question, answer, stopReason, ...counted);
    pairAttachments(exchange.attachments, attachments).forEach(([named, attachment], position) => {
      const { kind, path, languageId, startLine, lines } = named;
      const text = [attachment?.text ?? '', JSON.stringify(attachment?.symbolLines ?? [])];
      this.#database.run(statements.addAttachment, id, position, kind, path, languageId, startLine, lines, ...text);
    });
    for (const sequence of exchange.sequences) {
      const { tokens, independent, ratio, choice, anchorKey, spilled, pinned, attention, usedAt } = sequence;
      const text = [JSON.stringify(sequence.text), tokens, independent ? 1 : 0];
      const holding = [ratio, choice, anchorKey, spilled ? 1 : 0, pinned ? 1 : 0, attention, usedAt];
      this.#database.run(statements.addSequence, sequence.id, sessionId, id, ...text, ...holding);
    }
  }

  /** Removes a sequence, its text wherever it stands, and the names of all anchors that were computed from it. */
  forget(sessionId: string, sequenceId: string): void {
    const sequence = this.#database.get(statements.sequence, forgottenRowSchema, sequenceId, sessionId);
    if (sequence === undefined) return; // Another process has done it.
    const { exchangeId, text } = sequence;
    this.#database.run(statements.unnameAnchorsSeeing, sequenceId, sessionId);
    this.#database.run(statements.dropSequence, sequenceId);
    if (text.kind === 'exchange') this.#database.run(statements.emptyExchange, exchangeId);
    else this.#database.run(statements.emptyAttachments, exchangeId, text.path, text.endLine, text.startLine);
    for (const exchange of this.#database.all(statements.rehydrated, rehydratedRowSchema, sessionId, sequenceId)) {
      const rest = exchange.rehydrated.filter((rehydration) => rehydration.sequenceId !== sequenceId);
      this.#database.run(statements.setRehydrated, JSON.stringify(rest), exchange.id);
    }
  }
}

function byExchange<R extends { readonly exchangeId: string }>(
  rows: readonly R[],
): Map<string, Omit<R, 'exchangeId'>[]> {
  const groups = new Map<string, Omit<R, 'exchangeId'>[]>();
  for (const { exchangeId, ...row } of rows) {
    const group = groups.get(exchangeId);
    if (group === undefined) groups.set(exchangeId, [row]);
    else group.push(row);
  }
  return groups;
}
