import { z } from 'zod';
import { batchResultSchema, batchRowSchema } from './batch.ts';
import { choices } from './anchorConfig.ts';
import { wantedProviders } from './executionProvider.ts';
import { memoryViewSchema, rehydrationSchema } from './memory.ts';
import { samplingSchema } from './sampling.ts';
import { variants } from './packageManifest.ts';

/** Raised whenever a message below changes its meaning; the handshake refuses another version. */
export const protocolVersion = 2;

/** A request: its JSON-RPC method name and the schemas that both sides validate with. */
export interface RequestDefinition<P extends z.ZodType, R extends z.ZodType> {
  readonly method: string;
  readonly params: P;
  readonly result: R;
}

/** A notification: as a request, with no answer. */
export interface NotificationDefinition<P extends z.ZodType> {
  readonly method: string;
  readonly params: P;
}

function request<P extends z.ZodType, R extends z.ZodType>(
  method: string,
  params: P,
  result: R,
): RequestDefinition<P, R> {
  return { method, params, result };
}

function notification<P extends z.ZodType>(method: string, params: P): NotificationDefinition<P> {
  return { method, params };
}

const empty = z.object({});
const id = z.string().min(1).max(128);

/** Text that the user attached to a question. Lines count from 1, both ends included. */
export const attachmentSchema = z.object({
  kind: z.enum(['selection', 'file']),
  /** Workspace-relative where possible: what the model and the user are shown. */
  path: z.string().min(1),
  languageId: z.string(),
  startLine: z.int().min(1),
  text: z.string().min(1),
  /** Lines at which a symbol (a function, a class, a heading) begins, ascending: where a text is best cut. */
  symbolLines: z.array(z.int().min(1)).max(100_000).default([]),
});

export const modelInfoSchema = z.object({
  name: z.string(),
  packageFolder: z.string(),
  variant: z.enum(variants),
  executionProvider: z.string(),
  /** One sentence: why this execution provider and not another. */
  executionProviderReason: z.string(),
  scheme: z.string(),
  choice: z.enum(choices),
  ratio: z.int(),
  ratios: z.array(z.int()),
  contextTokens: z.int(),
  /** Bytes of keys/values that one token of text costs under full caching. */
  kvBytesPerToken: z.int(),
  loadMs: z.number(),
});

/** Why an answer ended. */
export const stopReasons = ['endOfText', 'stopString', 'maxTokens', 'contextFull', 'cancelled'] as const;

export const usageSchema = z.object({
  promptTokens: z.int().min(0),
  answerTokens: z.int().min(0),
  /** Rows held when the answer began, against full caching of the same text. */
  kvRows: z.int().min(0),
  kvRowsFull: z.int().min(0),
  prefillMs: z.number().min(0),
  decodeMs: z.number().min(0),
});

export const exchangeSchema = z.object({
  id,
  question: z.string(),
  answer: z.string(),
  attachments: z.array(attachmentSchema.omit({ text: true, symbolLines: true }).extend({ lines: z.int().min(1) })),
  stopReason: z.enum(stopReasons),
  usage: usageSchema,
  /** Sequences whose text was read again for this answer. */
  rehydrated: z.array(rehydrationSchema),
  /** Exchanges asked in the same place, this one included, the oldest first: the others are other branches. */
  siblings: z.array(id).min(1),
  /** The user had it forgotten: question and answer are empty. */
  isForgotten: z.boolean(),
});

export const sessionSummarySchema = z.object({
  id,
  title: z.string(),
  /** Milliseconds since the epoch. */
  updatedAt: z.number(),
  exchanges: z.int().min(0),
});

export const sessionViewSchema = z.object({
  id,
  title: z.string(),
  exchanges: z.array(exchangeSchema),
  memory: memoryViewSchema,
});

/** What the prompt asks of the model. `explain` and `summarize` word the question themselves when it is empty. */
export const tasks = ['chat', 'explain', 'summarize'] as const;

/** Below it not even one exchange of ordinary length has room beside the pass that chooses anchors. */
export const leastBudgetMB = 48;

/** Two thousand tokens of text at one anchor in 8: a decode step of the built-in model takes a tenth longer than over nothing. */
export const defaultHeldRows = 256;

export const initializeRequest = request(
  'initialize',
  z.object({
    protocolVersion: z.int(),
    client: z.string(),
    /** Folder for sessions; null keeps sessions in memory only. */
    storageFolder: z.string().nullable(),
    /** Folder for what is measured of the machine, which sessions may share; by default that of the sessions. */
    profileFolder: z.string().nullable().default(null),
  }),
  z.object({
    protocolVersion: z.int(),
    worker: z.string(),
    node: z.string(),
    onnxruntime: z.string(),
    storageWarning: z.string().nullable(),
  }),
);

export const loadModelRequest = request(
  'model/load',
  z.object({
    packageFolder: z.string().min(1),
    variant: z.enum([...variants, 'auto']),
    executionProvider: z.enum(wantedProviders),
    ratio: z.int().min(1).max(1024).nullable(),
    choice: z.enum(choices).nullable(),
    /** 0: as many as physical cores. */
    threads: z.int().min(0).max(256),
    /** Bytes (in units of 1e6) that keys/values, what chooses anchors and the store's cache may take together. */
    budgetMB: z.number().min(leastBudgetMB).max(1_000_000),
    /** Most tokens of sequences that are read again for one answer; 0: none. */
    rereadTokens: z.int().min(0).max(100_000),
    /** Rows of keys/values of a session beyond which what no late exchange needed is left on disk; 0: no such bound. */
    heldRows: z.int().min(0).max(1_000_000),
  }),
  modelInfoSchema,
);

/** Tries the execution providers again, whatever is known of them. Resolves when that is done; the engine goes on meanwhile. */
export const tryProvidersRequest = request('model/tryProviders', empty, modelInfoSchema);

export const createSessionRequest = request(
  'session/create',
  /** An ephemeral session is never stored (an explanation, a summary). */
  z.object({ ephemeral: z.boolean() }),
  sessionViewSchema,
);
export const openSessionRequest = request('session/open', z.object({ sessionId: id }), sessionViewSchema);
export const listSessionsRequest = request('session/list', empty, z.array(sessionSummarySchema));
export const deleteSessionRequest = request('session/delete', z.object({ sessionId: id }), empty);
export const renameSessionRequest = request(
  'session/rename',
  z.object({ sessionId: id, title: z.string().trim().min(1).max(200) }),
  empty,
);

/** A place in a session where the words of a search occur. */
export const searchHitSchema = z.object({
  session: sessionSummarySchema,
  /** Null where the title has them. */
  exchangeId: id.nullable(),
  /** Text round the words, in parts, those that were sought being marked. */
  excerpt: z.array(z.object({ text: z.string(), isMatch: z.boolean() })),
});
/** Sessions with all the words, each taken as the beginning of a word; the best first, at most one hit a session. */
export const searchSessionsRequest = request(
  'session/search',
  z.object({ query: z.string().max(1000) }),
  z.array(searchHitSchema),
);

export const sessionFormats = ['markdown', 'json'] as const;
/** Markdown is the branch that is shown, to be read; JSON is the whole session, to be imported. */
export const exportSessionRequest = request(
  'session/export',
  z.object({ sessionId: id, format: z.enum(sessionFormats) }),
  z.object({ fileName: z.string(), text: z.string() }),
);
/** Takes what `session/export` gave as JSON, as a new session. */
export const importSessionRequest = request('session/import', z.object({ text: z.string() }), sessionViewSchema);

/** Shows the branch through an exchange, to the end that was written last. */
export const selectBranchRequest = request(
  'session/selectBranch',
  z.object({ sessionId: id, exchangeId: id }),
  sessionViewSchema,
);

const sequenceParams = z.object({ sessionId: id, sequenceId: id });
/** A sequence's whole text. */
export const sequenceTextRequest = request('sequence/text', sequenceParams, z.object({ text: z.string() }));
export const sequenceActions = ['pin', 'unpin', 'readAgain', 'doNotReadAgain', 'forget'] as const;
/** `forget` removes the text and everything that was computed from it, for good. */
export const sequenceActionRequest = request(
  'sequence/act',
  sequenceParams.extend({ action: z.enum(sequenceActions) }),
  sessionViewSchema,
);

/** Reads a file in idle time, so that its anchors are there when it is attached. Resolves at once. */
export const indexFileRequest = request('file/index', attachmentSchema.omit({ kind: true }), empty);
/** Forgets the files that wait to be read in idle time. */
export const stopIndexingRequest = request('file/stopIndexing', empty, empty);

export const askRequest = request(
  'ask',
  z.object({
    /** Chosen by the client; streamed tokens and progress carry it. */
    requestId: id,
    sessionId: id,
    task: z.enum(tasks),
    question: z.string(),
    attachments: z.array(attachmentSchema).max(256),
    /**
     * An exchange that is asked anew, in its place: its branch stays beside the new one. Its attachments are read again,
     * those given here too; an empty question is its own question.
     */
    edits: id.nullable().default(null),
    sampling: samplingSchema,
  }),
  z.object({ exchange: exchangeSchema, memory: memoryViewSchema }),
);

export const batchRequest = request('batch/row', z.object({ requestId: id, row: batchRowSchema }), batchResultSchema);

export const diagnoseRequest = request(
  'diagnose',
  empty,
  z.object({
    checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string(), remedy: z.string() })),
  }),
);

export const shutdownRequest = request('shutdown', empty, empty);

/** Text of an answer as it is written. */
export const tokenNotification = notification('answer/token', z.object({ requestId: id, text: z.string() }));

export const progressNotification = notification(
  'progress',
  z.object({
    requestId: id.nullable(),
    stage: z.enum(['load', 'read', 'seal', 'answer', 'restore']),
    done: z.number().min(0),
    total: z.number().min(0),
    unit: z.enum(['tokens', 'bytes', 'sequences']),
  }),
);

/** Something of the loaded model's description is another now: why it runs where it does. */
export const modelChangedNotification = notification('model/changed', modelInfoSchema);

export const memoryChangedNotification = notification('memory/changed', memoryViewSchema);

/** Sessions can no longer be written: why, with the remedy. Null when everything is written again. */
export const storageChangedNotification = notification('storage/changed', z.object({ problem: z.string().nullable() }));

export const logNotification = notification(
  'log',
  z.object({ level: z.enum(['debug', 'info', 'warning', 'error']), message: z.string() }),
);

/** The data of a JSON-RPC error response: an `AnchorageError` on the wire. */
export const errorDataSchema = z.object({ reason: z.string(), remedy: z.string() });

export type Attachment = z.infer<typeof attachmentSchema>;
export type Exchange = z.infer<typeof exchangeSchema>;
export type ModelInfo = z.infer<typeof modelInfoSchema>;
export type SearchHit = z.infer<typeof searchHitSchema>;
export type SequenceAction = (typeof sequenceActions)[number];
export type SessionFormat = (typeof sessionFormats)[number];
export type SessionSummary = z.infer<typeof sessionSummarySchema>;
export type SessionView = z.infer<typeof sessionViewSchema>;
export type StopReason = (typeof stopReasons)[number];
export type Task = (typeof tasks)[number];
export type Usage = z.infer<typeof usageSchema>;
