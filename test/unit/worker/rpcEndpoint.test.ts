import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { RpcEndpoint } from '../../../src/worker/rpc/endpoint.ts';

describe('an end of a connection', () => {
  it('leaves nothing running where the other side dies in the middle of a message', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const [input, output] = [new PassThrough(), new PassThrough()];
    const endpoint = new RpcEndpoint(input, output);
    endpoint.listen();
    await sleep(1);
    const before = timers();
    input.write('Content-Length: 100\r\n\r\n{"jsonrpc":');
    await sleep(1);
    input.destroy();
    await sleep(1);
    assert.equal(timers(), before);
    endpoint.dispose();
  });
});
