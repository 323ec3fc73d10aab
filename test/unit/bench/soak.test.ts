import assert from 'node:assert/strict';
import { firstTokenMsPerToken, flatness, soakPlot, windowTurns, type SoakSample } from '../../bench/soakSummary.ts';
import { cycle, soakTurns } from '../../bench/soakTurns.ts';
import { svgPlot, ticksTo } from '../../bench/svgPlot.ts';

const texts = {
  passages: ['A passage of some length. '.repeat(60), 'Another one. '.repeat(80)],
  files: [{ path: 'src/a.ts', text: 'const a = 1;\n'.repeat(200) }],
};

function sample(turn: number): SoakSample {
  const firstTokenMs = turn < windowTurns ? 10 : 20;
  const rest = { decodeMsPerToken: 5, turnMs: 100, idleMs: 50, kvRows: 300, budgetUsedMB: 40, storeMB: turn };
  return { firstTokenMs, ...rest, rssMB: null, spilled: 0, anchored: turn, readAgain: 0, readTokens: 2 * firstTokenMs };
}

describe('turns of the soak', () => {
  it('are the same for the same seed, and the same work in every ten', () => {
    const turns = soakTurns(300, texts);
    assert.deepEqual(turns, soakTurns(300, texts));
    for (const [index, { kind, attachments }] of turns.entries()) {
      if (index >= cycle.length) assert.equal(kind, cycle[index % cycle.length]);
      assert.equal(attachments.length, kind === 'file' ? 1 : 0);
    }
  });

  it('ask back for what was said, near and far', () => {
    const turns = soakTurns(1000, texts);
    const distances = turns.flatMap(({ recalls }) => recalls?.ago ?? []);
    assert.ok(Math.min(...distances) <= 3);
    assert.ok(Math.max(...distances) > 500 && Math.max(...distances) < 1000);
    for (const [index, { recalls }] of turns.entries()) {
      if (recalls !== null) assert.ok(turns[index - recalls.ago]?.question.includes(recalls.expected));
    }
  });
});

describe('summary of the soak', () => {
  it('compares the first turns with the last ones', () => {
    const samples = Array.from({ length: 200 }, (_, turn) => sample(turn));
    assert.deepEqual(
      flatness(samples, ({ firstTokenMs }) => firstTokenMs),
      { first: 10, middle: 20, last: 20, lastOverFirst: 2, lastOverMiddle: 1 },
    );
    assert.equal(flatness(samples, firstTokenMsPerToken)?.lastOverFirst, 1, 'more was to be read');
    assert.equal(
      flatness(samples, ({ rssMB }) => rssMB),
      null,
    );
  });

  it('is drawn, with a line for the budget', () => {
    const samples = Array.from({ length: 60 }, (_, turn) => sample(turn));
    const svg = soakPlot(samples, 64);
    assert.match(svg, /^<svg /);
    assert.equal(svg.match(/<g /g)?.length, 3);
    assert.ok(!svg.includes('NaN'));
  });
});

describe('plots', () => {
  it('have round ticks that reach past the largest value', () => {
    assert.deepEqual(ticksTo(64), [0, 10, 20, 30, 40, 50, 60, 70]);
    assert.deepEqual(ticksTo(0.9), [0, 0.2, 0.4, 0.6, 0.8, 1]);
    assert.deepEqual(ticksTo(0), [0, 1]);
  });

  it('leave gaps where nothing was measured, and escape their words', () => {
    const series = { label: 'a < b', color: '#000000', values: [1, null, 2] };
    const svg = svgPlot([{ title: 'A & B', unit: 'ms', series: [series] }], 'turn');
    assert.ok(svg.includes('a &lt; b') && svg.includes('A &amp; B'));
    assert.equal(/<path d="([^"]*)" fill="none"/.exec(svg)?.[1]?.match(/M/g)?.length, 2);
  });
});
