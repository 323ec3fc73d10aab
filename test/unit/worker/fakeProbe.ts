import { z } from 'zod';

/**
 * A worker whose probes go as the environment says: FAKE_PROBE is JSON, by execution provider how its probe ends.
 * Run as a process of its own by the tests.
 */
const [, , flag, executionProvider = ''] = process.argv;
const ends = z.record(z.string(), z.string()).parse(JSON.parse(process.env['FAKE_PROBE'] ?? '{}'));

if (flag !== '--probe') process.exit(9);
process.stdout.write('a driver says something\n');
switch (ends[executionProvider] ?? '') {
  case 'works':
    report({ ran: true, difference: 1e-6 });
    break;
  case 'wrong':
    report({ ran: true, difference: 0.07 });
    break;
  case 'wrong on the model':
    report({ ran: true, difference: 0, modelDifference: 0.3 });
    break;
  case 'no number':
    report({ ran: true, difference: null });
    break;
  case 'no adapter':
    report({
      ran: false,
      problem: '/a/b.cc:136 f() x was false. Failed to get a WebGPU adapter: No supported adapters\n',
    });
    break;
  case 'no library':
    report({ ran: false, problem: 'OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library' });
    break;
  case 'refuses':
    report({ ran: false, problem: 'Kernel not found for GroupQueryAttention' });
    break;
  case 'crashes':
    process.kill(process.pid, 'SIGSEGV');
    break;
  case 'exits':
    process.exit(3);
    break;
  case 'hangs':
    // As a driver does: nothing in the process goes on, not even its signals' handlers.
    for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

function report(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`, () => process.exit(0));
}
