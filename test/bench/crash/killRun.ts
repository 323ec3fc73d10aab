import { spawn } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { initializeRequest, protocolVersion } from '../../../src/protocol/worker.ts';
import { spawnWorker } from '../../../src/worker/client/workerProcess.ts';
import { RpcEndpoint } from '../../../src/worker/rpc/endpoint.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { workerScript } from '../benchWorker.ts';
import { crashEventSchema, type CrashEvent } from './crashEvents.ts';
import type { Kill } from './crashPlan.ts';
import { driveWorker, fakeWorkerScript, type Drive } from './driveWorker.ts';

/** Milliseconds that a worker may take to end when its host has gone; it keeps what was answered so far. */
const patience = 20_000;

/** Milliseconds that each moment lasts, about. */
const lasting: Readonly<Record<Kill['model'], Readonly<Record<Kill['moment'], number>>>> = {
  fake: { starting: 900, migrating: 400, reading: 25, streaming: 6, writing: 15, idle: 60, spilling: 800 },
  real: { starting: 2000, migrating: 0, reading: 400, streaming: 30, writing: 40, idle: 1500, spilling: 0 },
};

/** Migrations of so large a share are killed so long after the start, the others once they have begun to write. */
const earlyShare = 0.25;

/** Does what is planned up to the kill; what was told before it. Throws where the worker outlives its host. */
export async function runKill(kill: Kill, drive: Drive): Promise<CrashEvent[]> {
  const events: CrashEvent[] = [];
  const trigger = new Trigger(kill, join(drive.folder, 'sessions.sqlite-wal'));
  const tell = (event: CrashEvent): void => {
    events.push(event);
    trigger.on(event);
  };
  await (kill.target === 'host' ? runHost(drive, tell, trigger) : runWorker(drive, tell, trigger));
  return events;
}

/** Waits for the moment of a kill, and then as long as is planned. */
class Trigger {
  readonly #kill: Kill;
  readonly #delay: number;
  readonly reached: Promise<void>;
  #reach: () => void = () => undefined;

  /** @param log beside the file of sessions. */
  constructor(kill: Kill, log: string) {
    this.#kill = kill;
    this.#delay = kill.delay * lasting[kill.model][kill.moment];
    this.reached = new Promise((resolve) => {
      this.#reach = () => void setTimeout(resolve, this.#delay);
    });
    if (kill.moment === 'migrating' && kill.delay > earlyShare) void this.#whenWriting(log);
    else if (this.isAtStart) this.#reach();
  }

  /** Waits until the log of the file grows: its migration is under way from then on, until it is committed. */
  async #whenWriting(log: string): Promise<void> {
    const begin = performance.now();
    const isWriting = (): boolean => (statSync(log, { throwIfNoEntry: false })?.size ?? 0) > 0;
    while (!isWriting() && performance.now() - begin < patience) await sleep(1);
    this.#reach();
  }

  get isAtStart(): boolean {
    return this.#kill.moment === 'starting' || this.#kill.moment === 'migrating';
  }

  on(event: CrashEvent): void {
    if (this.#isMoment(event)) this.#reach();
  }

  #isMoment(event: CrashEvent): boolean {
    const { moment, token, questions } = this.#kill;
    switch (moment) {
      case 'starting':
      case 'migrating':
        return false;
      case 'reading':
      case 'spilling':
        return event.kind === 'asking';
      case 'streaming':
        return event.kind === 'token' && event.count === token;
      case 'writing':
        return event.kind === 'token' && event.count === questions.at(-1)?.maxTokens;
      case 'idle':
        return event.kind === 'idle';
    }
  }
}

async function runWorker(drive: Drive, tell: (event: CrashEvent) => void, trigger: Trigger): Promise<void> {
  if (trigger.isAtStart) return killStarting(drive, trigger);
  let pid = 0;
  const driven = driveWorker(drive, (event) => {
    if (event.kind === 'ready') ({ pid } = event);
    tell(event);
  });
  // An answer that was all there, or shorter than was planned, is followed by the kill all the same.
  const answered = driven.then(
    () => sleep(200),
    (error: unknown) => {
      if (!AnchorageError.is(error, 'workerDied')) throw error;
    },
  );
  await Promise.race([trigger.reached, answered]);
  process.kill(pid, 'SIGKILL');
  await answered;
  await driven.then(
    (client) => client.closed,
    () => undefined,
  );
  await untilGone(() => isRunning(pid));
}

/** A worker that gets no further than its handshake. */
async function killStarting({ folder, model }: Drive, trigger: Trigger): Promise<void> {
  const child = spawnWorker({ workerPath: model === 'real' ? workerScript : fakeWorkerScript });
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.stdin.on('error', () => undefined);
  child.stderr.resume();
  const endpoint = new RpcEndpoint(child.stdout, child.stdin);
  endpoint.listen();
  endpoint
    .request(initializeRequest, { protocolVersion, client: 'crash', storageFolder: folder })
    .catch(() => undefined);
  await trigger.reached;
  child.kill('SIGKILL');
  await ended;
  endpoint.dispose();
}

async function runHost(drive: Drive, tell: (event: CrashEvent) => void, trigger: Trigger): Promise<void> {
  // A process group of its own, by which the worker is found whether or not it was told of.
  const script = join(import.meta.dirname, 'crashHost.ts');
  const host = spawn(process.execPath, [script, JSON.stringify(drive)], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
  });
  const pid = host.pid ?? 0;
  const closed = new Promise<void>((resolve) => host.once('close', () => resolve()));
  const lines = createInterface({ input: host.stdout });
  let isAnswered: () => void = () => undefined;
  const answered = new Promise<void>((resolve) => (isAnswered = resolve)).then(() => sleep(3000));
  let count = 0;
  lines.on('line', (line) => {
    const event = crashEventSchema.parse(JSON.parse(line));
    if (event.kind === 'acknowledged' && ++count === drive.questions.length) isAnswered();
    tell(event);
  });
  await Promise.race([trigger.reached, answered, closed]);
  host.kill('SIGKILL');
  await closed;
  await untilGone(() => isGroupRunning(pid));
}

async function untilGone(isThere: () => boolean): Promise<void> {
  const begin = performance.now();
  while (isThere()) {
    if (performance.now() - begin > patience) throw new Error('The worker is still there after its host was killed.');
    await sleep(10);
  }
}

function isGroupRunning(group: number): boolean {
  try {
    process.kill(-group, 0);
    return true;
  } catch {
    return false;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // What was killed and is not yet buried counts as gone.
    return process.platform !== 'linux' || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
