import assert from 'node:assert/strict';
import { PreparationError, preparationErrorOf } from '../../../scripts/prepare/preparationError.mjs';
import { runProgram } from '../../../scripts/prepare/program.mjs';

describe('a program that a step runs', () => {
  const node = (code: string) => runProgram(process.execPath, ['-e', code]);

  it('gives its standard output, and every line as it comes', async () => {
    const lines: string[] = [];
    const code = 'console.log("one"); console.error("two")';
    const output = await runProgram(process.execPath, ['-e', code], { onLine: (line) => lines.push(line) });
    assert.equal(output, 'one');
    assert.deepEqual(lines.sort(), ['one', 'two']);
  });

  const troubles = [
    { said: 'npm error code ENOTFOUND', reason: 'noNetwork', remedy: /Check the network/ },
    { said: 'Temporary failure in name resolution', reason: 'noNetwork', remedy: /run the same command again/ },
    { said: "ProxyError('Cannot connect to proxy.')", reason: 'noNetwork', remedy: /proxy settings/ },
    { said: "NameResolutionError: Failed to resolve 'pypi.org'", reason: 'noNetwork', remedy: /run the same/ },
    { said: 'ConnectTimeoutError: timed out', reason: 'noNetwork', remedy: /Check the network/ },
    { said: '[Errno -2] Name or service not known', reason: 'noNetwork', remedy: /Check the network/ },
    { said: 'ENOSPC: no space left on device', reason: 'noDiskSpace', remedy: /Free some space/ },
    { said: 'something else', reason: 'failed', remedy: /something else/ },
  ];
  for (const { said, reason, remedy } of troubles) {
    it(`that fails with "${said}" is told as ${reason}`, async () => {
      await assert.rejects(node(`console.error(${JSON.stringify(said)}); process.exit(3)`), (error) => {
        assert.ok(error instanceof PreparationError);
        assert.equal(error.reason, reason);
        assert.match(error.message, remedy);
        return true;
      });
    });
  }

  it('that may not write is told with the path and a remedy, any other fault is not', () => {
    const denied = Object.assign(new Error('EACCES'), { code: 'EACCES', path: '/clone/.cache' });
    assert.match(preparationErrorOf(denied)?.message ?? '', /^\/clone\/\.cache can't be written.*chown/);
    assert.equal(preparationErrorOf(new TypeError('ours')), undefined);
  });

  it('that is not there is told as a missing tool', async () => {
    await assert.rejects(runProgram('no-such-program-here', []), { reason: 'missingTool' });
  });
});
