import { AnchorKeys } from '../../../src/memory/anchorKey.ts';
import { sealInIdle } from '../../../src/memory/idleSealing.ts';
import { memoryView } from '../../../src/memory/memoryView.ts';
import { SessionMemory, type HoldingStore } from '../../../src/memory/sessionMemory.ts';
import type { Holding, SessionSequence } from '../../../src/memory/sessionSequence.ts';
import type { Choice } from '../../../src/protocol/anchorConfig.ts';
import { FakeContext } from '../worker/fakeContext.ts';
import { encodeFake, fakeDefaults } from '../worker/fakeModel.ts';

export const chunk = {
  kind: 'chunk',
  path: 'a.ts',
  languageId: 'ts',
  startLine: 1,
  endLine: 9,
  text: 'x'.repeat(150),
} as const;
export const exchange = { kind: 'exchange', question: 'What?', answer: 'That. '.repeat(20) } as const;
export const never = new AbortController().signal;
export const budget = { budget: 0, budgetUsed: 0, budgetLargest: 0 };

export class MapStore implements HoldingStore {
  readonly keepsAnchors = true;
  readonly anchors = new Map<string, Uint8Array>();
  readonly holdings = new Map<string, Holding>();

  readAnchors(key: string): Uint8Array | undefined {
    return this.anchors.get(key);
  }

  hasAnchors(key: string): boolean {
    return this.anchors.has(key);
  }

  write(held: Parameters<HoldingStore['write']>[0], anchors: Parameters<HoldingStore['write']>[1] = []): void {
    for (const { id, holding } of held) this.holdings.set(id, holding);
    for (const { key, bytes } of anchors) this.anchors.set(key, bytes);
  }
}

interface Opened {
  readonly memory: SessionMemory;
  readonly context: FakeContext;
  /** Contexts that idle work made beside the session's. */
  readonly scratches: FakeContext[];
  readonly seal: (signal?: AbortSignal) => Promise<void>;
}

interface OpenOptions {
  readonly sequences?: readonly SessionSequence[];
  readonly model?: string;
  readonly choice?: Choice;
  readonly capacity?: number;
  readonly makeWay?: () => boolean;
  readonly canSpill?: boolean;
  readonly heldRows?: number;
}

export function open(store: HoldingStore, options: OpenOptions = {}): Opened {
  const { sequences = [], model = 'fake', choice = 'window', capacity = 4096, makeWay } = options;
  const context = new FakeContext(undefined, capacity);
  const defaults = { ...fakeDefaults, choice };
  const keys = new AnchorKeys(model, context.pinned);
  const memory = new SessionMemory({
    context,
    keys,
    store,
    defaults,
    workRows: 20,
    encode: encodeFake,
    sequences,
    canSpill: options.canSpill ?? true,
    heldRows: options.heldRows ?? Infinity,
    ...(makeWay && { makeWay }),
  });
  const scratches: FakeContext[] = [];
  const createScratch = (): FakeContext => {
    const scratch = new FakeContext();
    scratches.push(scratch);
    return scratch;
  };
  return { context, memory, scratches, seal: (signal = never) => sealInIdle(memory, createScratch, signal) };
}

/** A turn with an attached file, as the worker runs one. */
export async function ask(memory: SessionMemory, name: string): Promise<void> {
  await memory.settle();
  memory.addChunks([{ id: `chunk ${name}`, text: { ...chunk, path: name } }]);
  await memory.settle();
  await memory.context.read(encodeFake(exchange), { logits: 'last' });
  memory.addExchange(`exchange ${name}`, { ...exchange, question: name });
}

export const choicesOf = (memory: SessionMemory): string[] => memory.sequences.map(({ choice }) => choice);
export const statesOf = (memory: SessionMemory): string[] =>
  memoryView('s', memory, budget).sequences.map(({ state }) => state);
export const spilledOf = (memory: SessionMemory): string[] =>
  memory.sequences.filter(({ spilled }) => spilled).map(({ id }) => id);
