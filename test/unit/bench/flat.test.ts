import assert from 'node:assert/strict';
import { byRows, compared, flatPlot, isWithin, ofKind, type FlatSample } from '../../bench/flatSummary.ts';
import { flatTurns } from '../../bench/flatTurns.ts';

const texts = ['Some words of prose, one after another. '.repeat(30), `https://${'x'.repeat(90)} and more words`];
const count = (text: string): number => Math.ceil(text.length / 4);

describe('turns of the flat session', () => {
  const turns = flatTurns(300, texts, { tokens: 20, count });

  it('are the same for the same seed, and of the same size', () => {
    assert.deepEqual(turns, flatTurns(300, texts, { tokens: 20, count }));
    const sizes = turns.filter(({ kind }) => kind === 'tell').map(({ question }) => count(question));
    assert.ok(Math.max(...sizes) <= Math.min(...sizes) + 8, `${Math.min(...sizes)} to ${Math.max(...sizes)}`);
  });

  it('ask every third time for a note that was told before, and for each once', () => {
    const asked = turns.flatMap(({ kind, question, ago }, at) => (kind === 'ask' ? [{ question, at, ago }] : []));
    assert.equal(asked.length, 100);
    assert.equal(new Set(asked.map(({ question }) => question)).size, asked.length);
    for (const { question, at, ago } of asked) {
      const name = /about (\w+)\?/.exec(question)?.[1] ?? '?';
      assert.ok(turns[at - (ago ?? 0)]?.question.startsWith(`Here is a note about ${name}: `), question);
    }
    assert.ok(Math.max(...asked.map(({ ago }) => ago ?? 0)) > 100);
  });
});

function sample(turn: number): FlatSample {
  const kind = turn % 3 === 2 ? 'ask' : 'tell';
  const firstTokenMs = (kind === 'ask' ? 200 : 100) + turn;
  const rest = {
    decodeMs: turn < 10 ? null : 12,
    turnMs: 300,
    readTokens: 60,
    readAgain: 0,
    budgetUsedMB: 30,
    rssMB: null,
  };
  return { kind, firstTokenMs, rows: 50 + turn, ...rest };
}

describe('summary of the flat session', () => {
  const samples = Array.from({ length: 100 }, (_, turn) => sample(turn));

  it('compares turns 3 to 10 with the last thirty and with those asked beside them, kind by kind', () => {
    const sessions = { samples, fresh: [samples.slice(60, 70), samples.slice(70, 80)] };
    const told = compared(
      sessions,
      ofKind('tell', ({ firstTokenMs }) => firstTokenMs),
    );
    assert.deepEqual(told?.early, { turns: [3, 10], count: 5, median: 106, least: 103, largest: 109 });
    assert.deepEqual(told.late, { turns: [71, 100], count: 20, median: 185, least: 170, largest: 199 });
    assert.deepEqual(told.fresh, { turns: [3, 10], count: 11, median: 172, least: 163, largest: 179 });
    assert.deepEqual([told.lateOverEarly, told.lateOverFresh, isWithin(told)], [1.75, 1.08, true]);
    assert.ok(!isWithin({ ...told, lateOverFresh: 1.16 }));
    assert.equal(
      compared(sessions, ({ decodeMs }) => decodeMs),
      null,
      'nothing is there of the early turns',
    );
  });

  it('gives medians by the rows that were held', () => {
    assert.deepEqual(byRows(samples)[1], {
      rows: [100, 199],
      turns: 50,
      tellFirstTokenMs: 175,
      askFirstTokenMs: 274,
      decodeMs: 12,
    });
  });

  it('is drawn, with a line for the budget', () => {
    const svg = flatPlot(samples, 64);
    assert.equal(svg.match(/<g /g)?.length, 3);
    assert.ok(!svg.includes('NaN'));
  });
});
