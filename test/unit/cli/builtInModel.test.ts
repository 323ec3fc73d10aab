import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { defaultPackageFolder } from '../../../src/cli/packagePaths.ts';
import { batchResultSchema } from '../../../src/protocol/batch.ts';
import { askRequest } from '../../../src/protocol/worker.ts';
import { commandLine, inProcess } from './commandLine.ts';

/** Probes of GPUs would take most of the time. */
const cpu = ['--execution-provider', 'cpu'];
const failedRow = z.object({ id: z.union([z.string(), z.number(), z.null()]), error: z.string() });

describe('command line, on the built-in model', function () {
  this.timeout(60_000);
  let folder: string;

  before(function () {
    if (!existsSync(defaultPackageFolder)) this.skip();
    folder = mkdtempSync(join(tmpdir(), 'anchorage-cli-'));
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  it('answers a question about a file as JSON, with the file held as anchors', async () => {
    const file = join(folder, 'shapes.ts');
    writeFileSync(file, Array.from({ length: 60 }, (_, i) => `export const side${i} = ${i} * 2;\n`).join(''));
    const options = ['--json', '--max-tokens', '8', '--reread-tokens', '0', ...cpu];
    const { code, stdout, stderr } = await commandLine(['summarize', file, ...options]);
    assert.equal(code, 0, stderr);
    const { exchange, memory } = askRequest.result.parse(JSON.parse(stdout));
    assert.ok(exchange.answer.length > 0);
    assert.ok(exchange.usage.kvRows < exchange.usage.kvRowsFull / 3);
    const chunks = memory.sequences.filter(({ kind }) => kind === 'chunk');
    assert.ok(
      chunks.length > 1 &&
        chunks.every(({ state, rows, textTokens }) => state === 'anchored' && rows === Math.ceil(textTokens / 8)),
    );
    assert.doesNotMatch(stdout, /Loading/);
    assert.match(stderr, /Loading the model/);
  });

  it('runs a batch: bad rows get an error, the others go on, and the exit code tells', async () => {
    const output = join(folder, 'out.jsonl');
    const rows = [
      { id: 'a', chunks: ['The key is under the mat.\n'], question: 'Where is the key?', maxTokens: 4 },
      '{"id": "b", broken',
      { id: 'c', chunks: ['x'], mode: 'sideways', question: 'q' },
      { id: 4, chunks: [], question: 'Where?', mode: 'none', maxTokens: 0, score: 'Here.' },
    ];
    const input = `${rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row))).join('\n\n')}\n`;
    const { code, stdout, stderr } = await commandLine(['batch', '-', output, '--json', ...cpu], { input });
    assert.equal(code, 1, stderr);
    const summary = z.object({ rows: z.int(), failed: z.int() }).parse(JSON.parse(stdout));
    assert.deepEqual(summary, { rows: 4, failed: 2 });
    const lines = readFileSync(output, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    assert.equal(lines.length, 4);
    assert.equal(batchResultSchema.parse(lines[0]).id, 'a');
    assert.match(failedRow.parse(lines[1]).error, /line 3 is not JSON/);
    assert.deepEqual([failedRow.parse(lines[2]).id, /line 5 mode/.test(failedRow.parse(lines[2]).error)], ['c', true]);
    assert.ok((batchResultSchema.parse(lines[3]).scoreLogProb ?? 1) < 0);
  });

  it('ends a batch with 130 when it is interrupted while it waits for rows', async () => {
    const row = { id: 1, question: 'Why?', maxTokens: 1 };
    const { code, stdout, stderr } = await commandLine(['batch', '-', '-', ...cpu], {
      input: `${JSON.stringify(row)}\n`,
      inputEnds: false,
      onStdout: (pid) => process.kill(pid, 'SIGINT'),
    });
    assert.equal(code, 130, stderr);
    assert.equal(batchResultSchema.parse(JSON.parse(stdout)).id, 1);
  });

  it('keeps what was answered when it is interrupted, and ends with 130', async () => {
    let hasStopped = false;
    const onStdout = (pid: number): void => {
      if (!hasStopped) process.kill(pid, 'SIGINT');
      hasStopped = true;
    };
    const { code, stdout, stderr } = await commandLine(
      ['ask', 'Write a long story about a lighthouse.', '--max-tokens', '2000', '--temperature', '1', ...cpu],
      { onStdout },
    );
    assert.equal(code, 130, stderr);
    assert.ok(stdout.length > 0 && stdout.length < 4000);
    assert.match(stderr, /ended by cancelled/);
  });

  it('keeps chats, and goes on with them', async () => {
    const options = ['--storage', folder, '--max-tokens', '4', '-q', ...cpu];
    await commandLine(['chat', ...options], { input: 'My name is Bob.\nAnd yours?\n' });
    const { stdout } = await commandLine(['chat', '--continue', '--json', ...options], { input: 'Who am I?\n/quit\n' });
    const { memory } = askRequest.result.parse(JSON.parse(stdout));
    assert.equal(memory.sequences.filter(({ kind }) => kind === 'exchange').length, 3);
    const listed = await commandLine(['chat', '--list', '--storage', folder]);
    assert.match(listed.stdout, /3 exchanges {2}My name is Bob\./);
  });

  it('asks anew in a chat, moves the session to another folder and forgets a part of it', async () => {
    const [here, there] = [join(folder, 'here'), join(folder, 'there')];
    const input = 'My name is Bob.\nAnd yours?\n/edit 2 Who am I?\n/pin 1\n/map\n';
    const options = ['--storage', here, '--max-tokens', '4', '--reread-tokens', '0', ...cpu];
    const chat = await commandLine(['chat', ...options], { input });
    assert.match(chat.stderr, / 1 {2}[#+]{2}\n[^]*pinned: 1\n[^]*budget: /);
    const file = join(folder, 'session.json');
    const exported = await inProcess(['sessions', 'export', 'last', '--format', 'json', '-o', file, '--storage', here]);
    assert.equal(exported.code, 0, exported.stderr);
    const imported = await inProcess(['sessions', 'import', file, '--storage', there]);
    assert.equal(imported.code, 0, imported.stderr);
    const found = await inProcess(['sessions', 'search', 'bob', '--storage', there]);
    assert.match(found.stdout, /My name is Bob\.\n/);
    const shown = await inProcess(['sessions', 'show', 'last', '--storage', there]);
    assert.match(shown.stdout, /2> \(branch 2 of 2\) Who am I\?/);
    const forgotten = await inProcess(['sessions', 'forget', 'last', '1', '--yes', '--storage', there]);
    assert.equal(forgotten.code, 0, forgotten.stderr);
    const rest = await inProcess(['sessions', 'export', 'last', '--storage', there]);
    assert.doesNotMatch(rest.stdout, /My name is/);
    assert.match(rest.stdout, /Who am I\?/);
  });
});
