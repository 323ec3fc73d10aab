import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sealInIdle } from '../../src/memory/idleSealing.ts';
import { openSessionStore } from '../../src/memory/openSessionStore.ts';
import type { SequenceText, SessionSequence } from '../../src/memory/sessionSequence.ts';
import type { StoredExchange, StoredSession } from '../../src/memory/sessionStore.ts';
import { loadEngineModel, type Model } from '../../src/worker/model.ts';
import { Sessions } from '../../src/worker/sessions.ts';
import type { Variant } from '../../src/protocol/packageManifest.ts';
import { heldoutTexts } from './heldout.ts';
import { builtInPackage, progress, repository } from './report.ts';

/** Characters of a piece of a long text: about as much as the model reads at a time. */
const pieceCharacters = 700;

export interface Said {
  readonly question: string;
  readonly answer: string;
}

/** Exchanges of at least `tokens` tokens together: pieces of held-out prose and code, and what is said between them, evenly. */
export async function longConversation(model: Model, tokens: number, between: readonly Said[]): Promise<Said[]> {
  const pieces = (await heldoutTexts()).flatMap(({ kind, text }) => piecesOf(text).map((piece) => ({ kind, piece })));
  const size = ({ question, answer }: Said): number => model.encode({ kind: 'exchange', question, answer }).length;
  const fillers: Said[] = [];
  let left = tokens - between.reduce((sum, said) => sum + size(said), 0);
  for (let i = 0; left > 0; i++) {
    const { kind, piece } = pieces[i % pieces.length] ?? { kind: 'prose', piece: '' };
    const question = `Here is some ${kind} (part ${i + 1}) to keep in mind:\n\n${piece}`;
    const filler = { question, answer: 'I have read it and will keep it in mind.' };
    fillers.push(filler);
    left -= size(filler);
  }
  const out: Said[] = [];
  for (const [i, filler] of fillers.entries()) {
    const due = Math.ceil((between.length * (i + 1)) / fillers.length);
    out.push(filler, ...between.slice(Math.ceil((between.length * i) / fillers.length), due));
  }
  return out;
}

/** A session of these exchanges, of which nothing has been read yet. */
export function sessionOf(model: Model, said: readonly Said[]): StoredSession {
  const exchanges: StoredExchange[] = [];
  for (const [index, { question, answer }] of said.entries()) {
    exchanges.push({
      id: randomUUID(),
      parentId: exchanges.at(-1)?.id ?? null,
      question,
      answer,
      attachments: [],
      stopReason: 'endOfText',
      usage: { promptTokens: 0, answerTokens: 0, kvRows: 0, kvRowsFull: 0, prefillMs: 0, decodeMs: 0 },
      rehydrated: [],
      isForgotten: false,
      sequences: [sequenceOf(model, { kind: 'exchange', question, answer }, index)],
    });
  }
  const createdAt = Date.now();
  const headId = exchanges.at(-1)?.id ?? null;
  return { id: randomUUID(), title: 'A long session', createdAt, updatedAt: createdAt, headId, exchanges };
}

function sequenceOf(model: Model, text: SequenceText, usedAt: number): SessionSequence {
  const { ratio } = model.defaults;
  const holding = { ratio, choice: 'stride', anchorKey: null, spilled: false, pinned: false, attention: 1 } as const;
  return { id: randomUUID(), text, tokens: model.encode(text).length, independent: false, ...holding, usedAt };
}

function piecesOf(text: string): string[] {
  const pieces: string[] = [];
  for (let from = 0; from < text.length; from += pieceCharacters) pieces.push(text.slice(from, from + pieceCharacters));
  return pieces.filter((piece) => piece.trim().length > pieceCharacters / 2).map((piece) => piece.toWellFormed());
}

export interface BenchModel {
  readonly variant: Variant;
  readonly ratio: number | null;
  readonly budgetMB: number;
  readonly heldRows: number;
}

export async function openModel({ variant, ratio, budgetMB, heldRows }: BenchModel): Promise<Model> {
  const workerPath = join(repository, 'dist', 'worker.mjs');
  const machine = { executionProvider: 'cpu', threads: 0, choice: null, rereadTokens: 512 } as const;
  const load = { packageFolder: builtInPackage, variant, ratio, budgetMB, heldRows, ...machine };
  return loadEngineModel(load, workerPath);
}

/** Runs `work` on sessions in a folder that goes with it. */
export async function withSessions<T>(work: (open: () => Promise<Sessions>, folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'anchorage-bench-'));
  try {
    return await work(async () => {
      const { store, warning } = await openSessionStore(folder);
      if (warning !== null) throw new Error(warning);
      return new Sessions(store);
    }, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Reads a session that was just imported as idle time does, to its end. */
export async function sealWhole(sessions: Sessions, id: string, model: Model): Promise<void> {
  const { memory } = sessions.open(id, model);
  const ticker = setInterval(() => {
    progress(`sealing: ${memory.placedCount} of ${memory.sequences.length} sequences`);
  }, 10_000);
  try {
    await sealInIdle(memory, () => model.createContext(), new AbortController().signal);
  } finally {
    clearInterval(ticker);
  }
}
