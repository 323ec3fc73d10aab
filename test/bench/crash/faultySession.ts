import { randomUUID } from 'node:crypto';
import { askRequest, createSessionRequest, loadModelRequest } from '../../../src/protocol/worker.ts';
import { WorkerClient } from '../../../src/worker/client/workerClient.ts';
import { builtInLoad } from '../benchWorker.ts';
import type { Acknowledged } from './crashEvents.ts';
import { askParams, fakeWorkerScript } from './driveWorker.ts';
import { Ledger } from './ledger.ts';

const maxTokens = 5;

/**
 * A session in a worker whose store cannot always be written. What was answered while the worker said so is held in its
 * memory; it counts as stored once the worker says that all is written.
 */
export class FaultySession {
  readonly ledger = new Ledger();
  readonly client: WorkerClient;
  readonly sessionId: string;
  #held: Acknowledged[] = [];
  #asked = 0;
  readonly #storage: { problem: string | null };

  private constructor(client: WorkerClient, sessionId: string, storage: { problem: string | null }) {
    this.client = client;
    this.sessionId = sessionId;
    this.#storage = storage;
  }

  /** @param sessionId null: a new one. */
  static async open(folder: string, sessionId: string | null = null): Promise<FaultySession> {
    const storage: { problem: string | null } = { problem: null };
    const client = await WorkerClient.start({
      workerPath: fakeWorkerScript,
      client: 'crash',
      storageFolder: folder,
      handshakeTimeout: 120_000,
      listener: {
        onStorageChanged: ({ problem }) => {
          storage.problem = problem;
        },
      },
    });
    storage.problem = client.info.storageWarning;
    await client.request(loadModelRequest, { ...builtInLoad, packageFolder: 'fake' });
    const id = sessionId ?? (await client.request(createSessionRequest, { ephemeral: false })).id;
    return new FaultySession(client, id, storage);
  }

  /** Why what is answered now is not stored; null where it is. */
  get problem(): string | null {
    return this.#storage.problem;
  }

  get heldCount(): number {
    return this.#held.length;
  }

  async ask(times: number): Promise<void> {
    for (let n = 0; n < times; n++) {
      const text = `Question ${++this.#asked} of a session whose store has faults, with some words to fill it.`;
      const attached = this.#asked % 4 === 0 ? `const value = ${this.#asked};\n`.repeat(40) : '';
      const question = { text, attached, edits: null, maxTokens };
      const { exchange } = await this.client.request(askRequest, askParams(randomUUID(), this.sessionId, question));
      const { id, question: asked, answer } = exchange;
      this.#held.push({ sessionId: this.sessionId, id, question: asked, answer, attached });
      if (this.problem !== null) continue;
      for (const acknowledged of this.#held) this.ledger.add(acknowledged);
      this.#held = [];
    }
  }

  async kill(): Promise<void> {
    this.client.kill();
    await this.client.closed;
  }
}
