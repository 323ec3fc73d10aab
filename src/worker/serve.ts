import type { LoadModel } from './modelSlot.ts';
import type { RpcEndpoint } from './rpc/endpoint.ts';
import { WorkerServer } from './workerServer.ts';

/** Milliseconds that a worker whose parent has gone takes at most to keep what was answered. */
const lastWords = 2000;

/**
 * Runs the worker on this process's streams until its parent asks it to end, or goes. stdout belongs to JSON-RPC
 * from here on: what libraries print with `console` goes to stderr.
 */
export function serve(endpoint: RpcEndpoint, loadModel: LoadModel): void {
  console.log = console.info = console.debug = console.error;
  const server = new WorkerServer({ endpoint, loadModel, onShutdown: () => process.exit(0) });
  const end = (): void => {
    setTimeout(() => process.exit(1), lastWords).unref();
    server.close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  endpoint.onClose(end);
  process.stdin.on('end', end);
  process.on('SIGTERM', end);
  // Ctrl-C in a terminal reaches the whole process group. What it means is the parent's to decide.
  process.on('SIGINT', () => {});
  endpoint.listen();
}
