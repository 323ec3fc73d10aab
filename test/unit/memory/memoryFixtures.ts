import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Holding, SessionSequence } from '../../../src/memory/sessionSequence.ts';
import type { StoredTurn } from '../../../src/memory/sessionStore.ts';

/** Runs a test with a folder that goes with it. */
export async function withFolder(test: (folder: string) => Promise<void> | void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'anchorage-memory-'));
  try {
    await test(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** How a sequence is held that was just sealed. */
export const newHolding: Holding = {
  ratio: 8,
  choice: 'stride',
  anchorKey: null,
  spilled: false,
  pinned: false,
  attention: 0,
  usedAt: 0,
};

export function exchangeSequence(id: string, question: string, answer: string): SessionSequence {
  const text = { kind: 'exchange', question, answer } as const;
  return { ...newHolding, id, text, tokens: 12, independent: false };
}

/** A turn as the worker writes it: a file with no line break at its end, one chunk of it, and the exchange. */
export function turn(name: string, updatedAt = 1000, parentId: string | null = null): StoredTurn {
  const attachment = { kind: 'file', path: 'src/ü.ts', languageId: 'typescript', startLine: 1 } as const;
  const text = `const ${name} = "🦊";\nlast line`;
  const chunk = {
    kind: 'chunk',
    path: attachment.path,
    languageId: 'typescript',
    startLine: 1,
    endLine: 2,
    text,
  } as const;
  return {
    title: `About ${name}`,
    updatedAt,
    exchange: {
      id: `exchange ${name}`,
      parentId,
      question: `What is ${name}?`,
      answer: `A "fox" \u0000 of 'quotes'.`,
      attachments: [{ ...attachment, lines: 2 }],
      stopReason: 'endOfText',
      usage: { promptTokens: 1, answerTokens: 2, kvRows: 3, kvRowsFull: 4, prefillMs: 5.5, decodeMs: 6 },
      rehydrated: [],
      isForgotten: false,
      sequences: [
        { ...newHolding, id: `chunk ${name}`, text: chunk, tokens: 9, independent: true },
        exchangeSequence(`sequence ${name}`, `What is ${name}?`, 'A fox.'),
      ],
    },
    attachments: [{ ...attachment, text, symbolLines: [1] }],
  };
}
