import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { samplingSchema } from '../../../src/protocol/sampling.ts';
import type { askRequest, loadModelRequest } from '../../../src/protocol/worker.ts';
import { WorkerClient, type WorkerClientOptions } from '../../../src/worker/client/workerClient.ts';
import type { z } from 'zod';

export const fakeWorkerPath = fileURLToPath(new URL('fakeWorker.ts', import.meta.url));

const fakeProbePath = fileURLToPath(new URL('fakeProbe.ts', import.meta.url));

/** Runs a test with a worker's script whose probes end as told, by execution provider. */
export async function withFakeProbe<T>(
  ends: Readonly<Record<string, string>>,
  test: (workerPath: string) => Promise<T>,
): Promise<T> {
  process.env['FAKE_PROBE'] = JSON.stringify(ends);
  try {
    return await test(fakeProbePath);
  } finally {
    delete process.env['FAKE_PROBE'];
  }
}

export const fakeLoad: z.input<typeof loadModelRequest.params> = {
  packageFolder: 'fake',
  variant: 'auto',
  executionProvider: 'auto',
  ratio: null,
  choice: null,
  threads: 0,
  budgetMB: 256,
  rereadTokens: 512,
  heldRows: 256,
};

export function fakeOptions(options: Partial<WorkerClientOptions> = {}): WorkerClientOptions {
  return { workerPath: fakeWorkerPath, client: 'test', storageFolder: null, ...options };
}

/** Runs a test with a worker that ends with it. */
export async function withWorker(
  options: Partial<WorkerClientOptions>,
  test: (worker: WorkerClient) => Promise<void>,
): Promise<void> {
  const worker = await WorkerClient.start(fakeOptions(options));
  try {
    await test(worker);
  } finally {
    await worker.shutdown();
  }
}

export function question(
  sessionId: string,
  text: string,
  more: Partial<z.input<typeof askRequest.params>> = {},
): z.input<typeof askRequest.params> {
  return {
    requestId: randomUUID(),
    sessionId,
    task: 'chat',
    question: text,
    attachments: [],
    sampling: samplingSchema.parse({ maxTokens: 5 }),
    ...more,
  };
}
