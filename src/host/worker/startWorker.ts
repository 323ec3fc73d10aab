import { messageOf } from '../../protocol/errors.ts';
import { WorkerClient } from '../../worker/client/workerClient.ts';
import type { WorkerClientOptions } from '../../worker/client/workerClient.ts';

/**
 * Starts a worker on the Node binary of the settings. Where that does not work, on the editor's own, with a warning:
 * a wrong setting costs some speed and not the assistant.
 */
export async function startWorker(
  options: WorkerClientOptions,
  warn: (message: string) => void,
): Promise<WorkerClient> {
  const { nodePath, ...rest } = options;
  if (nodePath === undefined) return WorkerClient.start(options);
  try {
    return await WorkerClient.start(options);
  } catch (error) {
    warn(
      `The worker could not be started with the Node binary ${nodePath}, so the editor's own is used. ${messageOf(error)}`,
    );
    return WorkerClient.start(rest);
  }
}
