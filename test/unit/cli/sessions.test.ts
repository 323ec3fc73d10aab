import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exitCodes } from '../../../src/cli/exitCodes.ts';
import { deleteSession, forgetSequence, renameSession } from '../../../src/cli/sessions/changeSessions.ts';
import { findSequence, findSession, shortIds } from '../../../src/cli/sessions/findSession.ts';
import { mapLines, sequenceLines } from '../../../src/cli/sessions/memoryLines.ts';
import { exportSession, importSession } from '../../../src/cli/sessions/moveSessions.ts';
import { listSessions, searchSessions, showSession } from '../../../src/cli/sessions/showSessions.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { outputOf, type Output } from './commandLine.ts';
import { exchange, fakeTerminal, FakeRequester, sequence, session, summary } from './fakeTerminal.ts';

const list = [summary('aaaa1111-x', 'Lending'), summary('aaaa1111-y', 'Fees', 1), summary('bbbb2222-z', 'Tests')];
const prefix = sequence('prefix', { kind: 'prefix', state: 'live' });
const view = session(
  [
    exchange('e1', 'What is a fee?', {
      rehydrated: [
        { sequenceId: 's2', label: 'src/fee.ts L1-L40', tokens: 120, why: { kind: 'words', words: ['feeOf', 'rate'] } },
        { sequenceId: 's1', label: 'What is lent', tokens: 30, why: { kind: 'user' } },
      ],
    }),
    exchange('e2', '', { answer: '', isForgotten: true }),
    exchange('e3', 'And now?', { siblings: ['e9', 'e3'] }),
  ],
  [
    prefix,
    sequence('s1', { pinned: true }),
    sequence('s2', { state: 'spilled', rows: 0, isWanted: true }),
    sequence('s3', { state: 'rehydrated', rows: 90 }),
  ],
);

function worker(): FakeRequester {
  return new FakeRequester({
    'session/list': () => list,
    'session/open': () => view,
    'session/rename': () => ({}),
    'session/delete': () => ({}),
    'sequence/act': () => view,
    'session/export': () => ({ fileName: 'lending.md', text: '# Lending\n' }),
    'session/import': () => view,
    'session/search': () => [
      {
        session: list[1],
        exchangeId: 'e7',
        excerpt: [
          { text: 'the\n late ', isMatch: false },
          { text: 'fee', isMatch: true },
        ],
      },
    ],
  });
}

async function written(work: () => Promise<void>): Promise<Output> {
  return outputOf(async () => {
    await work();
    return exitCodes.ok;
  });
}

const refuses =
  (message: RegExp, remedy: RegExp, reason = 'invalidInput') =>
  (error: unknown): boolean =>
    AnchorageError.is(error) && error.reason === reason && message.test(error.message) && remedy.test(error.remedy);

describe('command line, sessions', () => {
  const terminal = fakeTerminal(worker());
  const asJson = fakeTerminal(worker(), { json: true });

  it('finds a session by its id, an unambiguous beginning, or as the last', async () => {
    for (const [reference, title] of [
      ['aaaa1111-y', 'Fees'],
      ['b', 'Tests'],
      ['last', 'Lending'],
    ] as const) {
      assert.equal((await findSession(terminal.worker, reference)).title, title);
    }
    const find = (reference: string): Promise<unknown> => findSession(terminal.worker, reference);
    await assert.rejects(find('zz'), refuses(/no session "zz"/, /sessions list/));
    await assert.rejects(find(''), refuses(/no session ""/, /sessions list/));
    await assert.rejects(find('aaaa'), refuses(/"aaaa" is the beginning of 2 sessions: .*Lending.*Fees/, /more/));
    const nobody = new FakeRequester({ 'session/list': () => [] });
    await assert.rejects(findSession(nobody, 'last'), refuses(/There is no session yet/, /./));
  });

  it('shows as much of ids as tells them apart', () => {
    assert.deepEqual(shortIds(['aaaa1111-x', 'bbbb2222-y']), ['aaaa1111', 'bbbb2222']);
    assert.deepEqual(shortIds(['aaaa1111-x', 'aaaa1111-y']), ['aaaa1111-x', 'aaaa1111-y']);
    assert.deepEqual(shortIds(['abc']), ['abc']);
  });

  it('finds a sequence by its number, the prefix not counted, or its id', () => {
    assert.equal(findSequence(view, '2').id, 's2');
    assert.equal(findSequence(view, 's3').id, 's3');
    for (const wrong of ['0', '4', 's9', 'prefix', '']) {
      assert.throws(() => findSequence(view, wrong), refuses(/"Lending" has no sequence/, /from 1 to 3/));
    }
  });

  it('lists and searches', async () => {
    assert.match(
      (await written(() => listSessions(terminal))).stdout,
      /^aaaa1111-x {2}2026-01-02T03:04 {2}2 exchanges {2}Lending\n/,
    );
    const found = await written(() => searchSessions(terminal, 'fee'));
    assert.equal(found.stdout, 'aaaa1111  2026-01-02T03:04  Fees\n          the late [fee]\n');
    const json: unknown = JSON.parse((await written(() => listSessions(asJson))).stdout);
    assert.deepEqual(json, { sessions: list });
  });

  it('shows exchanges with what was read again and why, every sequence, and the map', async () => {
    const { stdout } = await written(() => showSession(terminal, 'b'));
    assert.match(stdout, /1> What is a fee\?\n\nAbout What is a fee\?\n/);
    assert.match(stdout, /\[read again: src\/fee\.ts L1-L40 \(120 tokens\), because it has "feeOf", "rate"\]/);
    assert.match(stdout, /What is lent .*because you asked for it\]/);
    assert.match(stdout, /2> \(forgotten\)/);
    assert.match(stdout, /3> \(branch 2 of 2\) And now\?/);
    assert.match(stdout, / 2 {2}- Text of s2 {2}\(0 rows of 80, to be read again\)/);
    assert.match(stdout, / 1 {2}\+-\*\n/);
  });

  it('draws a map of one character a sequence, with a legend and the meter', () => {
    assert.deepEqual(mapLines(view.memory), [
      '    1  +-*',
      '# whole: 0   + anchors only: 1   - on disk only: 1   * read again: 1',
      'pinned: 1',
      'to be read again: 2',
      '1000 tokens of text; 200 rows held of 1000, 9.2 of 46.1 MB',
      'budget: 12.3 of 256.0 MB used',
    ]);
    const many = session([], [prefix, ...Array.from({ length: 57 }, (_, i) => sequence(`s${i}`))]);
    const [first, second] = mapLines(many.memory);
    assert.equal(first, `    1  ${Array(5).fill('++++++++++').join(' ')}`);
    assert.equal(second, '   51  +++++++');
    assert.equal(mapLines(session([], [prefix]).memory)[0], 'There are no sequences yet.');
    assert.deepEqual(sequenceLines(session([], [prefix]).memory), []);
    const unread = { ...view.memory, budget: 0, budgetUsed: 0, kvRows: 0 };
    assert.equal(mapLines(unread).at(-1), '1000 tokens of text; nothing is held in memory');
  });

  it('renames, and says what no title can be', async () => {
    const asked = worker();
    await written(() => renameSession(fakeTerminal(asked), 'b', ' New name '));
    assert.deepEqual(asked.lastChange, {
      method: 'session/rename',
      params: { sessionId: 'bbbb2222-z', title: 'New name' },
    });
    await assert.rejects(renameSession(terminal, 'b', '  '), refuses(/" {2}" cannot be the title/, /1 to 200/));
  });

  it('deletes and forgets with --yes, and changes nothing where nobody can be asked', async () => {
    const asked = worker();
    const answering = fakeTerminal(asked);
    await assert.rejects(
      deleteSession(answering, 'b', false),
      refuses(/"Tests" \(2 exchanges\) will be deleted/, /--yes/),
    );
    await assert.rejects(forgetSequence(answering, 'b', '2', false), refuses(/"Text of s2" .* forgotten/, /--yes/));
    assert.equal(asked.lastChange, undefined);
    const { stdout } = await written(() => deleteSession(answering, 'b', true));
    assert.equal(stdout, '"Tests" is deleted.\n');
    await written(() => forgetSequence(answering, 'b', '2', true));
    const params = { sessionId: 'bbbb2222-z', sequenceId: 's2', action: 'forget' };
    assert.deepEqual(asked.lastChange, { method: 'sequence/act', params });
  });

  describe('to and from files', () => {
    let folder: string;
    before(() => (folder = mkdtempSync(join(tmpdir(), 'anchorage-cli-'))));
    after(() => rmSync(folder, { recursive: true, force: true }));

    it('exports to stdout, and to a file that it replaces only when told to', async () => {
      const options = { format: 'markdown', force: false } as const;
      assert.equal((await written(() => exportSession(terminal, 'b', options))).stdout, '# Lending\n');
      const out = join(folder, 'kept.md');
      const { stdout, stderr } = await written(() => exportSession(terminal, 'b', { ...options, out }));
      assert.equal(stdout, '');
      assert.equal(stderr, `Written to ${out}.\n`);
      assert.equal(readFileSync(out, 'utf8'), '# Lending\n');
      writeFileSync(out, 'mine');
      await assert.rejects(
        exportSession(terminal, 'b', { ...options, out }),
        refuses(/kept\.md is there already/, /--force/),
      );
      assert.equal(readFileSync(out, 'utf8'), 'mine');
      await written(() => exportSession(asJson, 'b', { ...options, out, force: true }));
      assert.equal(readFileSync(out, 'utf8'), '# Lending\n');
      const nowhere = join(folder, 'no', 'where.md');
      await assert.rejects(
        exportSession(terminal, 'b', { ...options, out: nowhere }),
        refuses(/cannot be written/, /folder/),
      );
      await assert.rejects(
        exportSession(terminal, 'b', { ...options, out: folder, force: true }),
        refuses(/cannot be written/, /folder/),
      );
      assert.deepEqual(readdirSync(folder), ['kept.md']);
    });

    it('imports what was exported, and names a file that cannot be', async () => {
      const file = join(folder, 'session.json');
      writeFileSync(file, '{}');
      const { stdout } = await written(() => importSession(terminal, file));
      assert.equal(stdout, '"Lending" (3 exchanges) is session aaaa1111-x.\n');
      await assert.rejects(
        importSession(terminal, join(folder, 'none.json')),
        refuses(/There is no file .*none\.json/, /path/, 'fileUnreadable'),
      );
    });
  });
});
