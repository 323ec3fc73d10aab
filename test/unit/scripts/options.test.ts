import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { z } from 'zod';
import { noArguments, parseOptions } from '../../../scripts/options.ts';

const root = join(import.meta.dirname, '..', '..', '..');

describe("a script's options", () => {
  const usage = {
    usage: 'usage: example [--count N]',
    options: { count: { type: 'string' } },
    schema: z.object({ count: z.coerce.number().int().min(1).default(3), _: noArguments }),
  } as const;

  it('are read, with their defaults', () => {
    assert.deepEqual(parseOptions([], usage), { options: { count: 3, _: [] } });
    assert.deepEqual(parseOptions(['--count', '5'], usage), { options: { count: 5, _: [] } });
  });

  it('may ask for help', () => {
    assert.deepEqual(parseOptions(['-h'], usage), { text: 'usage: example [--count N]\n', exitCode: 0 });
  });

  const mistakes: readonly [args: readonly string[], text: RegExp][] = [
    [['--wings'], /Unknown option '--wings'/],
    [['--count', '0'], /^--count: /],
    [['more'], /^arguments: none are taken/],
  ];
  for (const [args, text] of mistakes) {
    it(`that are wrong (${args.join(' ')}) are told with the usage`, () => {
      const found = parseOptions(args, usage);
      assert.ok('text' in found);
      assert.equal(found.exitCode, 2);
      assert.match(found.text, text);
      assert.match(found.text, /\nusage: example/);
    });
  }

  for (const script of ['scripts/start.ts', 'scripts/package.ts', 'test/bench/speed.ts']) {
    it(`are checked before ${script} does anything`, () => {
      const { status, stderr } = spawnSync(process.execPath, [join(root, script), '--wings'], { encoding: 'utf8' });
      assert.equal(status, 2, stderr);
      assert.doesNotMatch(stderr, /\n\s+at /);
    });
  }
});
