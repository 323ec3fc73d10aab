import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { AnchorageError } from '../protocol/errors.ts';
import type { Attachment } from '../protocol/worker.ts';
import { exportedSessionSchema, sessionFormat, sessionFormatVersion } from './sessionFormat.ts';
import type { ExportedExchange, ExportedSession } from './sessionFormat.ts';
import type { StoredExchange, StoredSession } from './sessionStore.ts';

export interface ParsedSession {
  readonly session: StoredSession;
  /** By exchange. */
  readonly attachments: Map<string, Attachment[]>;
}

/** Characters of a file: past it, parsing alone would take gigabytes. */
const mostCharacters = 200_000_000;
const remedy = 'Import a file that Anchorage has exported as JSON, unchanged.';
const headerSchema = z.object({ format: z.literal(sessionFormat), version: z.number() });

/**
 * Reads a session as `exportJson` writes it. Everything in it gets a new id, so that a file imported twice makes two
 * sessions.
 *
 * @throws AnchorageError `fileInvalid` naming the field, or `versionMismatch` for a file of a newer Anchorage.
 */
export function parseSession(text: string): ParsedSession {
  if (text.length > mostCharacters) throw invalid(`it has more than ${mostCharacters} characters`);
  const json = parsedJson(text);
  const header = headerSchema.safeParse(json);
  if (header.success && header.data.version > sessionFormatVersion) {
    throw new AnchorageError(
      'versionMismatch',
      `The session was exported by a newer Anchorage (format ${header.data.version}, this one knows ${sessionFormatVersion}).`,
      'Update Anchorage and import it again.',
    );
  }
  const parsed = exportedSessionSchema.safeParse(json);
  if (!parsed.success) throw invalid(issueOf(parsed.error));
  checkTree(parsed.data.session);
  return withNewIds(parsed.data.session);
}

/** Parents come before their children, so that there are no cycles. */
function checkTree({ exchanges, headId }: ExportedSession['session']): void {
  const known = new Set<string>();
  const sequences = new Set<string>();
  exchanges.forEach((exchange, index) => {
    const field = `session.exchanges.${index}`;
    if (known.has(exchange.id)) throw invalid(`${field}.id: another exchange has the same id`);
    if (exchange.parentId !== null && !known.has(exchange.parentId)) {
      throw invalid(`${field}.parentId: there is no such exchange before it`);
    }
    known.add(exchange.id);
    exchange.sequences.forEach(({ id }, at) => {
      if (sequences.has(id)) throw invalid(`${field}.sequences.${at}.id: another sequence has the same id`);
      sequences.add(id);
    });
  });
  if (headId === null ? exchanges.length > 0 : !known.has(headId)) {
    throw invalid('session.headId: there is no such exchange');
  }
}

function withNewIds({ title, createdAt, updatedAt, headId, exchanges }: ExportedSession['session']): ParsedSession {
  const ids = new Map<string, string>();
  // Exchanges and sequences have names of their own: an exchange may be called as a sequence is.
  const newId = (kind: 'exchange' | 'sequence', old: string): string => {
    const name = `${kind} ${old}`;
    const id = ids.get(name) ?? randomUUID();
    ids.set(name, id);
    return id;
  };
  const attachments = new Map<string, Attachment[]>();
  const stored = exchanges.map((exchange): StoredExchange => {
    const id = newId('exchange', exchange.id);
    attachments.set(id, attachmentsOf(exchange));
    return {
      ...exchange,
      id,
      parentId: exchange.parentId === null ? null : newId('exchange', exchange.parentId),
      attachments: exchange.attachments.map(({ text: _, symbolLines: _lines, ...named }) => named),
      rehydrated: exchange.rehydrated.map((each) => ({ ...each, sequenceId: newId('sequence', each.sequenceId) })),
      sequences: exchange.sequences.map((sequence) => ({
        ...sequence,
        id: newId('sequence', sequence.id),
        anchorKey: null,
        spilled: false,
        attention: 0,
        usedAt: 0,
      })),
    };
  });
  const head = headId === null ? null : newId('exchange', headId);
  return { session: { id: randomUUID(), title, createdAt, updatedAt, headId: head, exchanges: stored }, attachments };
}

function attachmentsOf({ attachments }: ExportedExchange): Attachment[] {
  return attachments.flatMap(({ lines: _, text, ...attachment }) => (text === null ? [] : [{ ...attachment, text }]));
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid('it is not JSON');
  }
}

function issueOf(error: z.ZodError): string {
  const [issue] = error.issues;
  return issue === undefined ? 'it has another form' : `${issue.path.join('.') || 'the file'}: ${issue.message}`;
}

function invalid(why: string): AnchorageError {
  return new AnchorageError('fileInvalid', `The file is no session that can be imported: ${why}.`, remedy);
}
