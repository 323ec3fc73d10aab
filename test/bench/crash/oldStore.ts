import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { migrate } from '../../../src/memory/schema.ts';
import type { Acknowledged } from './crashEvents.ts';

const usage = { promptTokens: 1, answerTokens: 2, kvRows: 3, kvRowsFull: 4, prefillMs: 5, decodeMs: 6 };

/**
 * Writes a file of the first schema, with enough in it that its migration takes a while; gives its exchanges.
 *
 * @param exchanges of each of two sessions.
 */
export function writeOldStore(folder: string, exchanges: number): Acknowledged[] {
  const written: Acknowledged[] = [];
  const database = new DatabaseSync(join(folder, 'sessions.sqlite'));
  database.exec('PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA secure_delete = ON');
  migrate(database, 1);
  const addExchange = database.prepare('INSERT INTO exchanges VALUES (?, ?, ?, ?, ?, ?, ?)');
  const addAttachment = database.prepare("INSERT INTO attachments VALUES (?, 0, 'file', 'a.ts', 'ts', 1, ?)");
  const addSequence = database.prepare("INSERT INTO sequences VALUES (?, ?, ?, ?, 5, 8, 'stride', ?, ?)");
  const addAnchors = database.prepare('INSERT INTO anchors VALUES (?, 1, ?)');
  database.exec('BEGIN');
  for (const sessionId of ['old one', 'old two']) {
    database.prepare('INSERT INTO sessions VALUES (?, ?, 1, 2)').run(sessionId, `Title of ${sessionId}`);
    for (let index = 0; index < exchanges; index++) {
      const id = `${sessionId} ${index}`;
      const question = `What is "ü${index}"?`;
      const answer = `It is\n🦊 number ${index}. `.repeat(20);
      const attached = index % 3 === 0 ? `const value = ${index};\n`.repeat(30) : '';
      addExchange.run(id, sessionId, index, question, answer, 'endOfText', JSON.stringify(usage));
      const texts: object[] = [{ kind: 'exchange', question, answer }];
      if (attached !== '') {
        addAttachment.run(id, attached);
        texts.unshift({ kind: 'chunk', path: 'a.ts', languageId: 'ts', startLine: 1, endLine: 30, text: attached });
      }
      for (const [at, text] of texts.entries()) {
        const key = `key ${id} ${at}`;
        addSequence.run(`${id} ${at}`, sessionId, 2 * index + at, JSON.stringify(text), texts.length - 1 - at, key);
        addAnchors.run(key, new Uint8Array(4000));
      }
      written.push({ sessionId, id, question, answer, attached });
    }
  }
  database.exec('COMMIT');
  database.close();
  return written;
}

/** The schema that a file is at: 1 as long as its migration is not through. */
export function schemaOf(folder: string): number {
  const database = new DatabaseSync(join(folder, 'sessions.sqlite'), { readOnly: true });
  try {
    return Number(database.prepare('SELECT max(version) AS version FROM migrations').get()?.['version']);
  } finally {
    database.close();
  }
}
