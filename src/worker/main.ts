import { loadEngineModel } from './model.ts';
import { runProbe } from './probe.ts';
import { giveWay } from './processPriority.ts';
import { RpcEndpoint } from './rpc/endpoint.ts';
import { serve } from './serve.ts';

const [flag, executionProvider, model] = process.argv.slice(2);
const workerPath = process.argv[1] ?? '';

if (flag === '--probe' && executionProvider !== undefined) {
  await runProbe(executionProvider, model);
} else {
  giveWay('busy');
  serve(new RpcEndpoint(process.stdin, process.stdout), (params, profile) =>
    loadEngineModel(params, workerPath, profile),
  );
}
