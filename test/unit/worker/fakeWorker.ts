import { RpcEndpoint } from '../../../src/worker/rpc/endpoint.ts';
import { serve } from '../../../src/worker/serve.ts';
import { FakeModel } from './fakeModel.ts';

// The worker as it is, with a model of words: run as a process of its own by the tests.
if (process.env['FAKE_WORKER_DIES'] === 'at start') process.exit(7);
serve(new RpcEndpoint(process.stdin, process.stdout), (params) => {
  if (process.env['FAKE_WORKER_DIES'] === 'while loading') process.exit(8);
  return FakeModel.load(params, { read: Number(process.env['FAKE_WORKER_READS'] ?? 1), write: 5 });
});
