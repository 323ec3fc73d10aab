import assert from 'node:assert/strict';
import { anchored, bounds, controls, type Arm } from '../../../bench/evaluate/arms.ts';
import { comparedWithControls, controlCounts, controlTables } from '../../../bench/evaluate/controls.ts';
import { armFigures, type TaskFigures } from '../../../bench/evaluate/figures.ts';
import type { Item } from '../../../bench/evaluate/item.ts';
import { armOf, paperTable } from '../../../bench/evaluate/overview.ts';
import { keptPlot } from '../../../bench/evaluate/plots.ts';
import { regressionOf } from '../../../bench/evaluate/regression.ts';
import { cardText, jsonResult, type Evaluation } from '../../../bench/evaluate/results.ts';
import type { ArmRun, Measured } from '../../../bench/evaluate/runTask.ts';
import { summaryRow, withSummaries } from '../../../bench/evaluate/summaries.ts';
import { targets } from '../../../bench/evaluate/targets.ts';
import { taskTable } from '../../../bench/evaluate/tables.ts';
import type { Part } from '../../../bench/evaluate/task.ts';
import { ModelTokenizer, tokenizerJsonSchema } from '../../../../src/engine/tokenizer.ts';
import { tinyTokenizer } from '../../engine/tinyModel.ts';

const [full, none, baseFull, baseNone] = [...bounds('anchors'), ...bounds('base')];
const [eight] = anchored([8]);
const [recent] = controls([8]);
const items = Array.from({ length: 8 }, (_, i): Item => {
  const ask = { kind: 'answer', question: 'q', expected: 'x', maxTokens: 4 } as const;
  return { id: `i${i}`, chunks: ['a'], independent: false, pinned: 'system', ask, group: i < 4 ? 'near' : 'far' };
});

/** A reading whose items score `score` and a little about it, and hold so many rows. */
function run(arm: Arm | undefined, score: number, kvRows: number, missing: readonly number[] = []): ArmRun {
  assert.ok(arm !== undefined);
  const measured = items.map((_, i): Measured | null =>
    missing.includes(i) ? null : { scores: { logProb: score + (i % 2 === 0 ? 0.1 : -0.1) }, kvRows },
  );
  return { arm, measured, errors: [] };
}

function figures(runs: readonly ArmRun[], name = 'turns', part: Part = 'memory'): TaskFigures {
  const arms = armFigures(runs, items, ['logProb']);
  return {
    name,
    title: `Title of ${name}`,
    part,
    metrics: ['logProb'],
    items: items.length,
    caveats: ['Made up.'],
    arms,
  };
}

function evaluation(tasks: readonly TaskFigures[], more: Partial<Evaluation> = {}): Evaluation {
  const rows = { computed: 1, known: 2 };
  return {
    variant: 'int8',
    scale: 'quick',
    isPart: false,
    seconds: 3.4,
    rows,
    tasks,
    regression: null,
    accelerations: {},
    leftOut: [],
    ...more,
  };
}

describe('figures of a task', () => {
  const runs = [run(full, -1, 120), run(none, -5, 20), run(eight, -2, 32), run(recent, -4, 32, [4, 5, 6, 7])];

  it('recovery is counted from everything and nothing of the same weights', () => {
    const arm = armOf(figures(runs), { package: 'anchors', mode: 'anchors', ratio: 8 });
    assert.equal(arm?.recovery.logProb?.value.toFixed(6), '0.750000');
    assert.deepEqual(armOf(figures(runs), { package: 'anchors', mode: 'full' })?.recovery, {});
    const bare = figures([...runs, run(baseFull, -1, 120), run(baseNone, -3, 20), run(controls([8])[4], -2, 32)]);
    const untrained = armOf(bare, { package: 'base', mode: 'anchors', ratio: 8 });
    assert.equal(untrained?.recovery.logProb?.value.toFixed(6), '0.500000');
  });

  it('the cache that is kept is a share of all rows, and of the context alone', () => {
    const arm = armOf(figures(runs), { package: 'anchors', mode: 'anchors', ratio: 8 });
    assert.equal(arm?.kept, 32 / 120);
    assert.equal(arm.contextKept, 12 / 100);
  });

  it('a control stands beside anchors of its ratio, on the items that both have', () => {
    const arm = armOf(figures(runs), { package: 'anchors', mode: 'kept', ratio: 8 });
    assert.equal(arm?.items, 4);
    assert.equal(arm.anchorsMore.logProb?.value.toFixed(6), '2.000000');
    const counts = { comparisons: 1, anchorsMore: 1, surelyMore: 1, surelyLess: 0 };
    assert.deepEqual(controlCounts(comparedWithControls([figures(runs)])), { memory: counts });
    const lost = comparedWithControls([
      figures([run(full, -1, 120), run(none, -5, 20), run(eight, -4, 32), run(recent, -2, 32)]),
    ]);
    assert.deepEqual(controlCounts(lost), { memory: { ...counts, anchorsMore: 0, surelyMore: 0, surelyLess: 1 } });
    assert.match(controlTables(lost).join('\n'), /\| turns \| \*\*recent \(StreamingLLM\) \/8\*\* \|/);
    assert.deepEqual(controlTables([]), []);
  });

  it('items that one reading lacks count for none of them in a recovery', () => {
    const partly = [run(full, -1, 120, [0, 1]), run(none, -5, 20), run(eight, -2, 32)];
    const arm = armOf(figures(partly), { package: 'anchors', mode: 'anchors', ratio: 8 });
    assert.equal(arm?.items, 8);
    assert.equal(arm.recovery.logProb?.value.toFixed(6), '0.750000');
  });

  it('a reading of which nothing is known is left out', () => {
    const nothing = run(eight, -2, 32, [0, 1, 2, 3, 4, 5, 6, 7]);
    const own = figures([run(full, -1, 120), run(none, -5, 20), nothing]);
    assert.deepEqual(
      own.arms.map(({ name }) => name),
      ['full', 'none'],
    );
    const told = figures([run(full, -1, 120), { ...nothing, errors: ['too long'] }]);
    assert.match(taskTable(told), /- anchors \/8: too long/);
  });
});

describe('what is told', () => {
  const runs = [run(full, -1, 120), run(none, -5, 20), run(eight, -2, 32), run(recent, -4, 32)];

  it("a task's table has a line for each reading, the groups' means and the caveats", () => {
    const text = taskTable(figures(runs));
    assert.match(text, /^### Title of turns \(8 items\)/);
    assert.match(
      text,
      /\| anchors \/8 \| 8 \| 26\.7% \| 12\.0% \| -2\.00 \[-2\.\d\d, -1\.\d\d\] \| 0\.75 \[0\.\d\d, 0\.\d\d\] \| - \|/,
    );
    assert.match(text, /\| recent \(StreamingLLM\) \/8 \| 8 \|.*\| 2\.00 \[2\.00, 2\.00\] \|/);
    assert.match(text, /\| reading \| near \| far \|/);
    assert.match(text, /- Made up\./);
  });

  it('targets say where they stand, and which were not run', () => {
    const own = targets([figures(runs)], null);
    const turns = own.find(({ name }) => name === 'recovery at ratio 8, multi-turn questions and explanation: turns');
    assert.equal(turns?.reached?.toFixed(2), '0.75');
    assert.equal(turns.isMet, false);
    const missing = own.find(({ name }) => name.endsWith('language modelling: boundary'));
    assert.equal(missing?.reached, null);
    assert.equal(missing.isMet, null);
  });

  it('nothing compressed: adapter less base in points, every set the same weight, and the published scores', () => {
    const accuracy = (arm: Arm | undefined, right: number): ArmRun => {
      assert.ok(arm !== undefined);
      const measured = items.map((_, i): Measured => ({
        scores: { acc_norm: i < right ? 1 : 0 },
        kvRows: 1,
      }));
      return { arm, measured, errors: [] };
    };
    const done = ['piqa', 'sciq'].map((name, i) => {
      const own = [accuracy(full, 6 - i), accuracy(baseFull, 4)];
      const task = { ...figures(own, `${name}-0shot`, 'regression'), metrics: ['acc_norm'] };
      return { figures: task, runs: own };
    });
    const regression = regressionOf(done);
    assert.equal(regression?.average?.value, (25 + 12.5) / 2);
    assert.equal(regression.averagePublished?.toFixed(1), (50 - 66.9).toFixed(1));
    const text = cardText(
      evaluation(
        done.map((one) => one.figures),
        { regression },
      ),
    );
    assert.match(
      text,
      /\| Title of piqa-0shot \(acc_norm\) \| 8 \| 50\.0 \| 75\.0 \| 25\.0 \[.*\] \| 66\.9 \| -16\.9 \(acc_norm\) \|/,
    );
    assert.match(text, /\| average \|.*18\.8/);
    assert.doesNotMatch(text, /Part of the evaluation/);
    assert.match(cardText(evaluation([], { scale: 'whole', isPart: true })), /Part of the evaluation/);
  });

  it("the paper's table has C and T", () => {
    const own = figures(runs, 'piqa-5shot', 'paper');
    const text = paperTable([own], {
      'piqa-5shot': { 'anchors /8': { againstNoCaching: 3.5, againstFullCaching: 1.03 } },
    });
    assert.match(text, /\| anchors \/8 \| 8 \| -200\.0 \| -200\.0 \| 88\.0% \| 3\.50 \| 1\.03 \|/);
    assert.match(text, /\| none \|.*\| 100\.0% \| - \| - \|/);
  });

  it('the result is one line of JSON with intervals, targets and what was left out', () => {
    const line = JSON.stringify(jsonResult(evaluation([figures(runs)], { leftOut: ['boolq: why'] })));
    assert.ok(!line.includes('\n') && !line.includes('NaN'));
    assert.match(line, /"anchors \/8":\{"items":8,"kept":0\.267,"score":\[-2,/);
    assert.match(line, /"leftOut":\["boolq: why"\]/);
  });

  it('the plot has a panel for a task, a line for a kind of reading, and no numbers that are none', () => {
    const svg = keptPlot([figures(runs), figures(runs, 'pairs')]);
    assert.equal(svg.match(/<g /g)?.length, 2);
    assert.equal(svg.match(/<circle /g)?.length, 4);
    assert.equal(svg.match(/stroke-dasharray/g)?.length, 4);
    assert.ok(!svg.includes('NaN') && !svg.includes('undefined'));
  });
});

describe('the plot of kept cache', () => {
  it('draws a control that ran on fewer items as far from the anchors as it is on those', () => {
    const later = [4, 5, 6, 7];
    const other = run(eight, -2, 40);
    const hard = other.measured.map((one, i) => {
      return one === null || i < 4 ? one : { ...one, scores: { logProb: -8 } };
    });
    const bounded = [run(full, -1, 100), run(none, -9, 10)];
    const svg = keptPlot([figures([...bounded, { ...other, measured: hard }, run(recent, -2, 40, later)])]);
    const heights = [...svg.matchAll(/<circle cx="[^"]*" cy="([^"]*)"/g)].map(([, y]) => y);
    assert.equal(heights.length, 2);
    assert.equal(new Set(heights).size, 1);
  });
});

describe('summaries', () => {
  it('have at most as many tokens as the anchors of their chunk, and take its place', () => {
    const tokenizer = new ModelTokenizer(tokenizerJsonSchema.parse(tinyTokenizer()));
    const chunk = 'a b c d e f g h i j';
    const tokens = tokenizer.encodeText(chunk).length;
    assert.equal(summaryRow(chunk, 8, tokenizer).maxTokens, Math.ceil(tokens / 8));
    assert.equal(summaryRow({ user: chunk, assistant: chunk }, 1024, tokenizer).maxTokens, 1);
    const [first] = items;
    assert.ok(first !== undefined);
    assert.deepEqual(withSummaries(first, [' short ', '']).chunks, ['short\n']);
  });
});
