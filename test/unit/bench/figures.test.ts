import assert from 'node:assert/strict';
import type { Comparison, Sample } from '../../bench/peers/comparison.ts';
import { comparisonReport, reportText } from '../../bench/peers/comparisonReport.ts';
import { comparisonPlot } from '../../bench/peers/comparisonPlot.ts';
import type { EngineName } from '../../bench/peers/engines.ts';
import { Figures } from '../../bench/peers/figures.ts';
import { targetStates } from '../../bench/peers/speedTargets.ts';
import { svgPlot } from '../../bench/svgPlot.ts';

function sample(engine: EngineName, round: number, decodeMsPerToken: number, kvBytes = 1e6): Sample {
  return {
    engine,
    round,
    length: 8000,
    textTokens: 7990,
    restoredBy: 'rows',
    restoredFirstTokenMs: 900,
    firstTokenMs: 40,
    decodeMsPerToken,
    cpuSecondsPerAnswer: 0.5,
    kvRows: 1000,
    kvBytes,
    kvReservedBytes: kvBytes,
    peakMemoryMB: 400,
    readTokensPerSecond: null,
    predicted: [],
  };
}

function comparison(samples: readonly Sample[]): Comparison {
  const cold = [0, 1].map((round) => {
    const times = { coldFirstTokenMs: 40_000, coldCpuSeconds: 60, peakMemoryMB: 900 };
    return { engine: 'none', round, length: 8000, ...times } as const;
  });
  return {
    threads: 2,
    othersShare: 0,
    weightBytes: 1e8,
    bandwidths: [2e10, 1e10],
    samples,
    cold,
    agreement: [],
    problems: [],
  };
}

describe("the comparison's figures", () => {
  const measured = comparison([
    sample('anchors8', 0, 10),
    sample('anchors8', 1, 30),
    sample('full', 0, 40, 8e6),
    sample('full', 1, 60, 8e6),
  ]);
  const figures = new Figures(measured);
  const decode = { length: 8000, metric: 'decodeTokensPerSecond' } as const;

  it('are compared within a round, whatever the rounds are like', () => {
    const ratio = figures.ratio({ engine: 'anchors8', ...decode }, { engine: 'full', ...decode });
    assert.deepEqual(ratio, { median: 3, least: 2, most: 4 });
    assert.equal(figures.ratio({ engine: 'anchors8', ...decode }, { engine: 'llamaQ4', ...decode }), null);
  });

  it('take what was read again for a first token as that of no caching', () => {
    const cell = { length: 8000, metric: 'firstTokenMs' } as const;
    assert.equal(figures.ratio({ engine: 'none', ...cell }, { engine: 'anchors8', ...cell })?.median, 1000);
  });

  it('tell of every target whether it is met, missed, or was not measured', () => {
    const states = targetStates(figures);
    const of = (text: string): boolean | null | undefined => states.find((state) => state.text.startsWith(text))?.isMet;
    assert.equal(of('decode against full caching, anchors8'), true);
    assert.equal(of('decode against full caching, anchors16'), null);
    assert.equal(of('bytes of keys and values against full caching, anchors8'), true);
    // 101 MB are read in 5.05 ms in the first round, in 10.1 ms in the second.
    assert.equal(of('a step against reading its bytes from memory, ratio 8, 8000'), false);
  });

  it('are held against the faster of two peers', () => {
    const peers = new Figures(
      comparison([sample('anchors8', 0, 10), sample('llamaQ4', 0, 50), sample('llamaQ8', 0, 15)]),
    );
    const state = targetStates(peers).find(({ text }) => text.startsWith('decode against llama.cpp, ratio 8'));
    assert.deepEqual([state?.ratio?.median, state?.isMet], [1.5, false]);
  });

  it('are told with where full caching is as good', () => {
    const report = comparisonReport(measured, [8000]);
    assert.match(reportText(report), /A session of 8000 tokens/);
    assert.ok(report.fullCachingWins.some((text) => text.startsWith('firstTokenMs at 8000')));
    assert.ok(!report.fullCachingWins.some((text) => text.startsWith('decodeTokensPerSecond')));
    assert.match(comparisonPlot(report), /anchors, ratio 8/);
  });

  it('are drawn on a logarithmic axis at their logarithms', () => {
    const values = [1, 10, 1000];
    const svg = svgPlot(
      [{ title: '', unit: '', scale: 'logarithmic', series: [{ label: '', color: '#000', values }] }],
      '',
    );
    const path = /<path d="M[\d.]+ ([\d.]+)L[\d.]+ ([\d.]+)L[\d.]+ ([\d.]+)" fill="none"/.exec(svg);
    const [one, ten, thousand] = (path ?? []).slice(1).map(Number);
    assert.ok(one !== undefined && ten !== undefined && thousand !== undefined, svg);
    assert.ok(Math.abs((ten - thousand) / (one - ten) - 2) < 0.01);
  });
});
