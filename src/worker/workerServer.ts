import { z } from 'zod';
import manifest from '../../package.json' with { type: 'json' };
import { loadOnnxRuntime } from '../engine/onnxRuntime.ts';
import { AnchorageError, messageOf } from '../protocol/errors.ts';
import {
  askRequest,
  batchRequest,
  diagnoseRequest,
  indexFileRequest,
  initializeRequest,
  loadModelRequest,
  logNotification,
  memoryChangedNotification,
  modelChangedNotification,
  progressNotification,
  protocolVersion,
  shutdownRequest,
  stopIndexingRequest,
  storageChangedNotification,
  tokenNotification,
  tryProvidersRequest,
  type ModelInfo,
} from '../protocol/worker.ts';
import { FallbackSessionStore } from '../memory/fallbackSessionStore.ts';
import { openSessionStore } from '../memory/openSessionStore.ts';
import { sealInIdle } from '../memory/idleSealing.ts';
import { answer } from './answer.ts';
import { runBatchRow } from './batchRow.ts';
import { DeviceLoss, ResumedText } from './deviceLoss.ts';
import { diagnose } from './diagnose.ts';
import { FileIndexer } from './fileIndexer.ts';
import { machineIdentity } from './machineIdentity.ts';
import { MachineProfile } from './machineProfile.ts';
import { ModelSlot, type LoadModel } from './modelSlot.ts';
import type { LoadParams } from './model.ts';
import { QuietCalibration } from './quietCalibration.ts';
import { RequestQueue } from './requestQueue.ts';
import { RequestRegistrar, type Params, type Result, type Started } from './requestRegistrar.ts';
import type { RpcEndpoint } from './rpc/endpoint.ts';
import { registerSessionHandlers } from './sessionHandlers.ts';
import { SessionRequests } from './sessionRequests.ts';
import { contextLimit, Sessions } from './sessions.ts';

export interface WorkerServerOptions {
  readonly endpoint: RpcEndpoint;
  readonly loadModel: LoadModel;
  /** Called when the other side has asked the worker to end, after its answer was sent. */
  readonly onShutdown: () => void;
}

/** Answers the requests of `protocol/worker.ts`, one after another where they need the engine. */
export class WorkerServer {
  readonly #endpoint: RpcEndpoint;
  readonly #queue: RequestQueue;
  readonly #slot: ModelSlot;
  readonly #calibration: QuietCalibration;
  readonly #onShutdown: () => void;
  readonly #files = new FileIndexer();
  readonly #deviceLoss = new DeviceLoss({
    forget: () => {
      this.#started?.sessions.closeAll();
      this.#slot.dropBatchContexts();
    },
    onChange: (info) => this.#modelChanged(info, 'warning'),
  });
  /** Aborted when the worker ends: what runs is then stopped as if it had been cancelled. */
  readonly #end = new AbortController();
  #started: Started | null = null;

  constructor({ endpoint, loadModel, onShutdown }: WorkerServerOptions) {
    this.#endpoint = endpoint;
    this.#slot = new ModelSlot(loadModel);
    this.#onShutdown = onShutdown;
    this.#queue = new RequestQueue({
      idleLimit: contextLimit,
      onIdleError: (error) => this.#log('error', `Work in idle time failed: ${messageOf(error)}`),
    });
    this.#calibration = new QuietCalibration(this.#queue, ({ info }) => this.#modelChanged(info, 'info'));
    endpoint.onRequest(initializeRequest, (params) => this.#initialize(params), refuseOtherVersion);
    const inTurn = <T>(cancelled: AbortSignal, job: (signal: AbortSignal) => Promise<T>): Promise<T> => {
      const signal = AbortSignal.any([cancelled, this.#end.signal]);
      return this.#queue.run(signal, () => this.#calibration.whileAsked(() => job(signal)));
    };
    const registrar = new RequestRegistrar({ endpoint, inTurn, started: () => this.#started });
    this.#onModel(registrar);
    registerSessionHandlers(registrar, {
      slot: this.#slot,
      inTurn,
      prepareInIdle: (started, sessionId) => this.#prepareInIdle(started, sessionId),
    });
    this.#onFiles(registrar);
    endpoint.onRequest(shutdownRequest, async () => {
      await this.close();
      setImmediate(this.#onShutdown);
      return {};
    });
  }

  #onModel(registrar: RequestRegistrar): void {
    registrar.queued(loadModelRequest, ({ profile }, params) => this.#load(params, profile));
    registrar.direct(tryProvidersRequest, async (_, __, cancelled) => {
      const model = this.#slot.need();
      await model.calibration.tryProvidersAgain(AbortSignal.any([cancelled, this.#end.signal]));
      return model.info;
    });
    registrar.queued(askRequest, (started, params, signal) => this.#ask(started, params, signal));
    registrar.queued(batchRequest, (_, params, signal) => this.#batchRow(params, signal));
    registrar.queued(diagnoseRequest, async (started) => {
      const storageWarning = started.storageWarning ?? started.sessionStore.problem;
      const { model, error: loadError } = this.#slot;
      return { checks: await diagnose({ ...started, storageWarning, model, loadError }) };
    });
  }

  /** Files that are read ahead, after all that is to be done for sessions. */
  #onFiles(registrar: RequestRegistrar): void {
    registrar.direct(indexFileRequest, async ({ sessionStore }, file) => {
      this.#files.add(file);
      const read = async (signal: AbortSignal): Promise<void> => {
        const { model } = this.#slot;
        if (model === null) return;
        await this.#deviceLoss.survive(model, () => this.#files.run(model, sessionStore, signal));
      };
      this.#queue.whenIdle('files', read, { isBackground: true });
      return {};
    });
    registrar.direct(stopIndexingRequest, async () => {
      this.#files.clear();
      return {};
    });
  }

  /** Stops what runs, which keeps what was answered so far, and closes the store. */
  async close(): Promise<void> {
    this.#calibration.stop();
    this.#end.abort();
    await this.#queue.close();
    this.#started?.sessions.end();
  }

  async #initialize({
    storageFolder,
    profileFolder,
    client,
  }: Params<typeof initializeRequest>): Promise<Result<typeof initializeRequest>> {
    if (this.#started !== null) throw new AnchorageError('invalidInput', 'initialize came twice.', 'Send it once.');
    const { store, warning } = await openSessionStore(storageFolder);
    const sessionStore = new FallbackSessionStore(store, (problem) => {
      this.#log(problem === null ? 'info' : 'warning', problem ?? 'All sessions are written again.');
      this.#endpoint.notify(storageChangedNotification, { problem });
    });
    const sessions = new Sessions(sessionStore);
    const onnxruntime = await onnxruntimeVersion();
    const requests = new SessionRequests(sessions);
    const profile = new MachineProfile(profileFolder ?? storageFolder, machineIdentity(onnxruntime));
    this.#started = { sessions, requests, sessionStore, storageFolder, storageWarning: warning, onnxruntime, profile };
    // What a worker that was killed had still to remove.
    this.#queue.whenIdle('removed', (signal) => sessionStore.eraseRemoved(signal), { isBackground: true });
    this.#log('info', `Worker ${process.pid} on Node ${process.version} started by ${client}.`);
    return { protocolVersion, worker: manifest.version, node: process.version, onnxruntime, storageWarning: warning };
  }

  async #load(params: LoadParams, profile: MachineProfile): Promise<Result<typeof loadModelRequest>> {
    const progress = { requestId: null, stage: 'load', unit: 'sequences', total: 1 } as const;
    this.#endpoint.notify(progressNotification, { ...progress, done: 0 });
    this.#started?.sessions.closeAll();
    const model = await this.#slot.load(params, profile);
    const { info } = model;
    this.#calibration.begin(model);
    this.#endpoint.notify(progressNotification, { ...progress, done: 1 });
    this.#log(
      'info',
      `${info.name} (${info.variant}) is ready after ${Math.round(info.loadMs)} ms on the ${info.executionProviderReason}`,
    );
    return info;
  }

  async #ask(
    started: Started,
    { requestId, sessionId, ...request }: Params<typeof askRequest>,
    signal: AbortSignal,
  ): Promise<Result<typeof askRequest>> {
    const { sessions } = started;
    const model = this.#slot.need();
    const text = new ResumedText((part) => this.#endpoint.notify(tokenNotification, { requestId, text: part }));
    const listener = {
      onProgress: (stage: 'restore' | 'read' | 'answer', done: number, total: number): void =>
        this.#endpoint.notify(progressNotification, { requestId, stage, done, total, unit: 'tokens' }),
      onToken: (part: string): void => text.push(part),
    };
    const exchange = await this.#deviceLoss.survive(model, () => {
      text.begin();
      return answer(sessions, model, sessionId, request, listener, signal);
    });
    model.calibration.noteAnswer();
    this.#prepareInIdle(started, sessionId);
    const { memory } = sessions.open(sessionId, model);
    return { exchange, memory: sessions.memoryView(sessionId, memory, model) };
  }

  async #batchRow(
    { requestId, row }: Params<typeof batchRequest>,
    signal: AbortSignal,
  ): Promise<Result<typeof batchRequest>> {
    const onProgress = (done: number, total: number): void =>
      this.#endpoint.notify(progressNotification, { requestId, stage: 'seal', done, total, unit: 'tokens' });
    const model = this.#slot.need();
    const result = await this.#deviceLoss.survive(model, () =>
      runBatchRow(model, this.#slot.batchContext(row.pinned), row, { signal, onProgress }),
    );
    model.calibration.noteAnswer();
    return result;
  }

  /**
   * When nobody waits, writes what could not be written before, seals a session's last exchange, and brings in what
   * the context lacks of it.
   */
  #prepareInIdle({ sessions, sessionStore }: Started, sessionId: string): void {
    this.#queue.whenIdle(sessionId, async (signal) => {
      sessionStore.writeHeld();
      const { model } = this.#slot;
      if (model === null || !sessions.has(sessionId)) return;
      await this.#deviceLoss.survive(model, () =>
        sealInIdle(sessions.open(sessionId, model).memory, () => model.createContext(), signal),
      );
      const { memory } = sessions.open(sessionId, model);
      this.#endpoint.notify(memoryChangedNotification, sessions.memoryView(sessionId, memory, model));
    });
  }

  #modelChanged(info: ModelInfo, level: 'info' | 'warning'): void {
    this.#log(level, `Execution provider: ${info.executionProviderReason}`);
    this.#endpoint.notify(modelChangedNotification, info);
  }

  #log(level: 'info' | 'warning' | 'error', message: string): void {
    this.#endpoint.notify(logNotification, { level, message });
  }
}

/** Looks at the version alone: all else in the message may have another shape in another version. */
function refuseOtherVersion(raw: unknown): void {
  const version = z.object({ protocolVersion: z.number() }).safeParse(raw);
  if (version.success && version.data.protocolVersion === protocolVersion) return;
  const named = version.success ? `version ${version.data.protocolVersion}` : 'no version';
  throw new AnchorageError(
    'versionMismatch',
    `The worker speaks version ${protocolVersion} of the protocol; its client says ${named}.`,
    'Install the extension again, so that both are of one build.',
  );
}

/** Empty where onnxruntime does not load: the handshake succeeds, so that Diagnose can tell why. */
async function onnxruntimeVersion(): Promise<string> {
  try {
    const { env } = await loadOnnxRuntime();
    return env.versions.node ?? env.versions.common;
  } catch {
    return '';
  }
}
