import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { StoredSession } from '../../../src/memory/sessionStore.ts';
import { SqliteSessionStore } from '../../../src/memory/sqliteSessionStore.ts';
import { newHolding, turn } from './memoryFixtures.ts';

const session = { id: 's1', title: '', createdAt: 500 };
const fileIn = (folder: string): string => join(folder, 'sessions.sqlite');
const turnsWritten = 60;

/** Two sessions, one of them with a branch, an answer of many pages, and anchors. */
export async function writeSessions(folder: string): Promise<StoredSession[]> {
  const store = await SqliteSessionStore.open(fileIn(folder));
  for (const id of ['s1', 's2']) store.create({ ...session, id });
  for (let index = 0; index < turnsWritten; index++) {
    const each = turn(`t${index}`, 1000 + index, index < 2 ? null : `exchange t${index - 2}`);
    const answer = index % 10 === 0 ? `long ${index} `.repeat(3000) : `Answer ${index}`;
    store.appendTurn(index % 2 === 0 ? 's1' : 's2', { ...each, exchange: { ...each.exchange, answer } });
    const held = { id: `chunk t${index}`, holding: { ...newHolding, anchorKey: `key ${index}` } };
    const anchors = [{ key: `key ${index}`, bytes: new Uint8Array(9000).fill(13) }];
    store.writeHoldings(index % 2 === 0 ? 's1' : 's2', [held], anchors);
  }
  store.appendTurn('s1', turn('branch', 2000, 'exchange t4'));
  store.forget('s2', 'sequence t5', 'Title');
  store.selectHead('s1', 'exchange t58');
  const sessions = ['s1', 's2'].map((id) => store.read(id) ?? assert.fail());
  store.close();
  return sessions;
}
