import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandLine, inProcess } from './commandLine.ts';

describe('command line, bad input', function () {
  this.timeout(20_000);
  const cwd = process.cwd();
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'anchorage-cli-'));
    writeFileSync(join(folder, 'empty.ts'), ' \n\n');
    writeFileSync(join(folder, 'binary.ts'), Buffer.from([97, 98, 10, 0, 99]));
    writeFileSync(join(folder, 'latin1.ts'), Buffer.from([0xe2, 0x82, 0xac, 10, 0xe9, 32]));
    writeFileSync(join(folder, 'three.ts'), 'one\n\nthree');
    process.chdir(folder);
  });

  after(() => {
    process.chdir(cwd);
    rmSync(folder, { recursive: true, force: true });
  });

  const cases: readonly [string, readonly string[], number, RegExp][] = [
    ['no command', [], 2, /Usage: anchorage/],
    ['an unknown command', ['dance'], 2, /unknown command 'dance'/],
    ['an unknown option', ['ask', 'x', '--wings'], 2, /unknown option '--wings'/],
    ['an unknown variant', ['ask', 'x', '--variant', 'int2'], 2, /'int2' is invalid.*int4/],
    ['a temperature out of range', ['ask', 'x', '--temperature', '9'], 2, /number from 0 to 5/],
    ['a fraction for a count', ['ask', 'x', '--max-tokens', '1.5'], 2, /whole number/],
    ['a missing file', ['explain', 'nowhere.ts'], 2, /There is no file nowhere\.ts\.\nCheck the path\./],
    ['a folder', ['summarize', '.'], 2, /\. is a folder/],
    ['an empty file', ['summarize', 'empty.ts'], 2, /empty\.ts is empty/],
    ['an empty selection', ['explain', 'three.ts:L2'], 2, /three\.ts: lines 2-2 are empty/],
    ['a binary file', ['explain', 'binary.ts'], 2, /binary\.ts is a binary file: byte 3 is NUL/],
    ['a file that is not UTF-8', ['explain', 'latin1.ts'], 2, /latin1\.ts is not UTF-8: byte 4 is invalid/],
    ['lines outside the file', ['explain', 'three.ts:L2-L9'], 2, /has 3 lines; lines 2-9[^]*Choose lines from 1 to 3/],
    ['lines in the wrong order', ['explain', 'three.ts:L3-L2'], 2, /not a range/],
    ['an attached file that is missing', ['ask', '-f', 'nowhere.ts', 'x'], 2, /There is no file nowhere\.ts/],
    ['a missing batch input', ['batch', 'nowhere.jsonl', '-'], 2, /nowhere\.jsonl cannot be read/],
    ['a batch output in no folder', ['batch', 'three.ts', 'no/where.jsonl'], 2, /no\/where\.jsonl cannot be written/],
    ['a folder as batch input', ['batch', '.', 'out.jsonl'], 2, /\. is a folder/],
    ['a batch output that is its input', ['batch', 'three.ts', './three.ts'], 2, /\.\/three\.ts is the input too/],
    ['a missing package', ['ask', 'x', '--package', 'nowhere'], 3, /There is no model package at /],
    ['a budget that is too small', ['ask', 'x', '--budget-mb', '5'], 2, /number from 48 to/],
    ['an unknown command of sessions', ['sessions', 'dance'], 2, /unknown command 'dance'/],
    [
      'a session that is missing',
      ['sessions', 'show', 'zz', '--storage', 'storage'],
      2,
      /no session "zz".\nSee the ids/,
    ],
    ['no session at all', ['chat', '--session', 'last', '--storage', 'storage'], 2, /There is no session yet/],
    ['an unknown format', ['sessions', 'export', 'last', '--format', 'pdf'], 2, /'pdf' is invalid.*markdown, json/],
    [
      'a session file that is missing',
      ['sessions', 'import', 'no.json', '--storage', 'storage'],
      2,
      /no file no\.json/,
    ],
    ['a missing source of a conversion', ['convert', 'nowhere.gguf', 'out'], 2, /nowhere\.gguf does not exist/],
    [
      'a name that no package can have',
      ['convert', 'a.gguf', 'out', '--name', 'a b'],
      2,
      /"a b" cannot be.*\n.*--name/,
    ],
  ];
  for (const [name, args, code, message] of cases) {
    it(`tells of ${name}, and ends with ${code}`, async () => {
      const output = await inProcess(args);
      assert.equal(output.code, code, output.stderr);
      assert.match(output.stderr, message);
      assert.doesNotMatch(output.stderr, /\n\s+at /);
      assert.equal(output.stdout, '');
    });
  }

  it('leaves the results of an earlier batch when the model is missing', async () => {
    writeFileSync('results.jsonl', 'earlier');
    const { code } = await inProcess(['batch', 'three.ts', 'results.jsonl', '--package', 'nowhere']);
    assert.equal(code, 3);
    assert.equal(readFileSync('results.jsonl', 'utf8'), 'earlier');
    assert.equal(readFileSync('three.ts', 'utf8'), 'one\n\nthree');
  });

  it('shows a stack where it is asked for', async () => {
    const { stderr } = await inProcess(['explain', 'nowhere.ts', '--verbose']);
    assert.match(stderr, /\n\s+at /);
  });

  it('diagnoses what is missing', async () => {
    const { code, stdout } = await inProcess(['diagnose', '-q', '--package', 'nowhere', '--storage', 'storage']);
    assert.equal(code, 1);
    assert.match(stdout, /FAIL Model package: There is no model package at /);
    assert.match(stdout, /ok {3}Storage: storage/);
  });

  it('teaches by its help', async () => {
    const { code, stdout } = await commandLine(['--help']);
    assert.equal(code, 0);
    for (const text of [
      'ask',
      'chat',
      'explain',
      'summarize',
      'sessions',
      'batch',
      'convert',
      'diagnose',
      'Exit codes:',
    ])
      assert.ok(stdout.includes(text));
    const batch = await inProcess(['batch', '--help']);
    assert.match(batch.stdout, /"chunks"[^]*kvRowsFull/);
  });
});
