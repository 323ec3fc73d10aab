import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { samplingSchema } from '../../../src/protocol/sampling.ts';
import { askRequest, createSessionRequest, loadModelRequest } from '../../../src/protocol/worker.ts';
import { WorkerClient } from '../../../src/worker/client/workerClient.ts';
import { builtInLoad, workerScript } from '../benchWorker.ts';
import { repository } from '../report.ts';
import type { CrashEvent } from './crashEvents.ts';

export const fakeWorkerScript = `${repository}/test/unit/worker/fakeWorker.ts`;

/** What a worker is to be asked; a host process takes it as its argument. */
export const driveSchema = z.object({
  folder: z.string(),
  model: z.enum(['fake', 'real']),
  /** Null: a new one. */
  sessionId: z.string().nullable(),
  questions: z.array(
    z.object({
      text: z.string(),
      attached: z.string(),
      edits: z.string().nullable(),
      /** Attached text of the exchange that is asked anew: it is read again. */
      inherited: z.string(),
      maxTokens: z.int(),
    }),
  ),
});
export type Drive = z.infer<typeof driveSchema>;

/** Starts a worker and asks it one question after another; resolves when the last was answered. The worker goes on. */
export async function driveWorker(drive: Drive, tell: (event: CrashEvent) => void): Promise<WorkerClient> {
  let last = '';
  let tokens = 0;
  const client = await WorkerClient.start({
    workerPath: drive.model === 'real' ? workerScript : fakeWorkerScript,
    client: 'crash',
    storageFolder: drive.folder,
    handshakeTimeout: 120_000,
    listener: {
      onToken: ({ requestId }) => {
        if (requestId === last) tell({ kind: 'token', count: ++tokens });
      },
      onMemoryChanged: () => tell({ kind: 'idle' }),
      onStorageChanged: ({ problem }) => {
        if (problem !== null) tell({ kind: 'problem', message: problem });
      },
      onLog: ({ level, message }) => {
        if (level === 'error') tell({ kind: 'problem', message });
      },
    },
  });
  const { storageWarning } = client.info;
  if (storageWarning !== null) tell({ kind: 'problem', message: storageWarning });
  tell({ kind: 'ready', pid: client.pid ?? 0 });
  if (drive.questions.length === 0) return client;
  await client.request(loadModelRequest, { ...builtInLoad, ...(drive.model === 'fake' && { packageFolder: 'fake' }) });
  const sessionId = drive.sessionId ?? (await client.request(createSessionRequest, { ephemeral: false })).id;
  if (drive.sessionId === null) tell({ kind: 'session', id: sessionId });
  for (const [index, question] of drive.questions.entries()) {
    const requestId = randomUUID();
    const isLast = index === drive.questions.length - 1;
    if (isLast) last = requestId;
    const asking = client.request(askRequest, askParams(requestId, sessionId, question));
    if (isLast) tell({ kind: 'asking' });
    const { exchange } = await asking;
    const { id, question: asked, answer } = exchange;
    const acknowledged = { sessionId, id, question: asked, answer, attached: question.inherited + question.attached };
    tell({ kind: 'acknowledged', exchange: acknowledged });
  }
  return client;
}

export function askParams(
  requestId: string,
  sessionId: string,
  { text, attached, edits, maxTokens }: Omit<Drive['questions'][number], 'inherited'>,
): z.input<typeof askRequest.params> {
  const file = { kind: 'file', path: 'src/crash.ts', languageId: 'typescript', startLine: 1, text: attached } as const;
  const sampling = samplingSchema.parse({ maxTokens, repetitionPenalty: 1 });
  const attachments = attached === '' ? [] : [file];
  return { requestId, sessionId, task: 'chat', question: text, attachments, edits, sampling };
}
