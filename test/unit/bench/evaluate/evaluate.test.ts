import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { AnchorageError } from '../../../../src/protocol/errors.ts';
import type { BatchResult } from '../../../../src/protocol/batch.ts';
import { chooseTasks } from '../../../bench/evaluate/chooseTasks.ts';
import { EvaluationData } from '../../../bench/evaluate/evaluationData.ts';
import type { RowInput } from '../../../bench/evaluate/item.ts';
import { holds, judge } from '../../../bench/evaluate/judge.ts';
import { RowCache } from '../../../bench/evaluate/rowCache.ts';
import { packageIdentity, RowRunner } from '../../../bench/evaluate/rowRunner.ts';
import { piecesOf } from '../../../bench/evaluate/tasks/pieces.ts';
import { questionSets } from '../../../bench/evaluate/tasks/questionSets.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anchorage-evaluate-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const result: BatchResult = {
  id: 0,
  answer: '',
  textTokens: 10,
  kvRows: 5,
  kvRowsFull: 10,
  kvBytes: 100,
  prefillMs: 1,
  decodeMs: 0,
};

const ends = [
  { name: 'near', text: 'a b' },
  { name: 'far', text: 'a b c d' },
];

async function fails(work: () => Promise<unknown>, reason: string, named: RegExp): Promise<void> {
  await assert.rejects(work, (error: unknown) => {
    assert.ok(AnchorageError.is(error), String(error));
    assert.equal(error.reason, reason);
    assert.match(error.message, named);
    assert.notEqual(error.remedy, '');
    return true;
  });
}

describe('judging', () => {
  it('a choice by its log-probability, and by that of a character', () => {
    const choiceScores = [
      { logProb: -4, tokens: 1, characters: 3 },
      { logProb: -5, tokens: 2, characters: 11 },
    ];
    const ask = { kind: 'choice', prompt: 'p', choices: [' ab', ' abcdefghij'], answer: 1 } as const;
    // -4 / 2 against -5 / 10 characters, less the blank before them.
    // Of e^-4 and e^-5 the second has a share of 1 / (1 + e).
    assert.deepEqual(judge(ask, [{ ...result, choiceScores }]), { acc: 0, acc_norm: 1, right: -Math.log(1 + Math.E) });
  });

  it('a blank by the context that makes the rest likelier', () => {
    const scored = [-7, -6].map((scoreLogProb) => ({ ...result, scoreLogProb, scoreTokens: 3 }));
    assert.deepEqual(judge({ kind: 'blank', prompts: ['a', 'b'], continuation: 'c', answer: 1 }, scored), {
      acc: 1,
      right: -Math.log(1 + Math.exp(-1)),
    });
  });

  it('a continuation by its parts between the ends', () => {
    const scored = [
      { ...result, scoreLogProb: -16, scoreTokens: 8 },
      { ...result, scoreLogProb: -40, scoreTokens: 32 },
    ];
    assert.deepEqual(judge({ kind: 'continuation', upTo: ends }, scored), {
      logProb: -40 / 32,
      near: -2,
      far: -1,
    });
  });

  it('an answer by the words that it has to hold, by themselves', () => {
    assert.ok(holds('It is `parse_cursor_21`.', 'parse_cursor_21'));
    assert.ok(holds('The Otter, she said', 'otter'));
    assert.ok(!holds('It is 2100.', '21'));
    assert.ok(!holds('unfold', 'fold'));
    assert.ok(!holds('axb', 'a.b'));
    const ask = { kind: 'answer', question: 'q', expected: '21', maxTokens: 4 } as const;
    const scored = { ...result, answer: 'It is 21.', scoreLogProb: -3, scoreTokens: 2 };
    assert.deepEqual(judge(ask, [scored]), { exact: 1, logProb: -1.5 });
  });

  it('a result that lacks what was asked for is an error, not a score', () => {
    assert.throws(
      () => judge({ kind: 'choice', prompt: 'p', choices: ['a', 'b'], answer: 0 }, [result]),
      /choiceScores/,
    );
    assert.throws(() => judge({ kind: 'continuation', upTo: ends }, [result]), /score/);
  });
});

describe('question sets', () => {
  const set = (name: string): (typeof questionSets)[number] => {
    const found = questionSets.find((each) => each.name === name);
    assert.ok(found !== undefined);
    return found;
  };
  const write = async (file: string, rows: readonly object[]): Promise<EvaluationData> => {
    await mkdir(join(folder, 'eval'), { recursive: true });
    await writeFile(join(folder, `${file}.jsonl`), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    return new EvaluationData(folder);
  };

  it("HellaSwag is prepared as lm-evaluation-harness does: WikiHow's markup cut, the last sentence's begin in upper case", async () => {
    const choices = ['[step] goes  on.', 'stops.'];
    const data = await write('eval/hellaswag_1000', [
      { id: 1, activity: 'Pole vault', question: 'A man runs. a woman', choices, answer: 0 },
      {
        id: 2,
        activity: 'Cooking',
        question: '[header] How to fry [title] Heat oil. [step] Wait.',
        choices,
        answer: 1,
      },
    ]);
    const [first, second] = await set('hellaswag').read(data, 'eval/hellaswag_1000');
    assert.ok(first?.ask.kind === 'choice' && second?.ask.kind === 'choice');
    assert.equal(first.ask.prompt, 'Pole vault: A man runs. A woman');
    assert.deepEqual(first.ask.choices, ['  goes on.', ' stops.']);
    assert.equal(second.ask.prompt, 'Cooking: How to fry. Heat oil. Wait.');
    assert.ok(second.demonstration.endsWith(' stops.\n\n'));
  });

  it('BoolQ has its passage, and one question mark', async () => {
    const data = await write('eval/boolq', [
      { id: 1, context: 'Water is wet.', question: 'is water wet?', choices: ['no', 'yes'], answer: 1 },
    ]);
    const [first] = await set('boolq').read(data, 'eval/boolq');
    assert.equal(first?.demonstration, 'Water is wet.\nQuestion: is water wet?\nAnswer: yes\n\n');
  });

  it('SciQ gets three other answers, the same ones every time', async () => {
    const rows = Array.from({ length: 6 }, (_, id) => ({ id, question: `q${id}`, answer_text: `a${id}` }));
    const data = await write('eval/sciq', rows);
    const [once, again] = [await set('sciq').read(data, 'eval/sciq'), await set('sciq').read(data, 'eval/sciq')];
    assert.deepEqual(once, again);
    for (const [i, { ask }] of once.entries()) {
      assert.ok(ask.kind === 'choice');
      assert.equal(new Set(ask.choices).size, 4);
      assert.equal(ask.choices[ask.answer], ` a${i}`);
    }
  });

  it('an answer that is no choice is named with its row', async () => {
    const data = await write('eval/piqa', [{ id: 'piqa-7', question: 'q', choices: ['a', 'b'], answer: 2 }]);
    await fails(() => set('piqa').read(data, 'eval/piqa'), 'fileInvalid', /piqa-7.*choice 2/);
  });
});

describe('the data folder', () => {
  const schema = z.object({ text: z.string() });

  it('a missing folder or file is told with the remedy', async () => {
    assert.throws(() => new EvaluationData(join(folder, 'nowhere')), /nowhere/);
    const data = new EvaluationData(folder);
    await fails(() => data.rows('eval/piqa', schema), 'fileUnreadable', /piqa\.jsonl\.xz/);
    assert.equal(data.has('eval/piqa'), false);
  });

  it('an altered line is told with its number', async () => {
    await writeFile(join(folder, 'a.jsonl'), '{"text": "x"}\n{"text": 1}\n');
    await writeFile(join(folder, 'b.jsonl'), '{"text": "x"}\n\n{"text"\n');
    const data = new EvaluationData(folder);
    await fails(() => data.rows('a', schema), 'fileInvalid', /line 2.*text/);
    await fails(() => data.rows('b', schema), 'fileInvalid', /line 3.*JSON/);
    assert.deepEqual(await data.rows('a', schema, /"x"/), [{ text: 'x' }]);
  });

  it('a packed file that is cut off or has no rows is told', async () => {
    await writeFile(join(folder, 'c.jsonl.xz'), 'not packed');
    await writeFile(join(folder, 'd.jsonl'), '\n');
    const data = new EvaluationData(folder);
    await fails(() => data.rows('c', schema), 'fileAltered', /c\.jsonl\.xz/);
    await fails(() => data.rows('d', schema), 'fileInvalid', /no rows/);
  });

  it('without xz it says what to install', async () => {
    await writeFile(join(folder, 'c.jsonl.xz'), '');
    const { PATH } = process.env;
    process.env.PATH = folder;
    try {
      await fails(() => new EvaluationData(folder).rows('c', schema), 'unsupported', /xz/);
    } finally {
      process.env.PATH = PATH;
    }
  });

  it('tasks: an unknown name lists what there is; the sample leaves out, a data folder must have all', async () => {
    const data = new EvaluationData(folder);
    const given = { AC: null, EP: null };
    assert.throws(() => chooseTasks({ tasks: ['nothing'], ...given }, data, true), /nothing/);
    assert.throws(() => chooseTasks({ tasks: ['babi'], ...given }, data, false), /eval\/babi.*babi needs/);
    const { tasks, leftOut } = chooseTasks({ tasks: ['babi', 'turns'], ...given }, data, true);
    assert.deepEqual(
      tasks.map(({ name }) => name),
      ['turns'],
    );
    assert.match(leftOut.join('\n'), /^babi:.*eval\/babi/);
  });
});

describe('the row cache', () => {
  const row = { question: 'x?', mode: 'full', chunks: ['a'] } as const;

  it('gives what an earlier run kept, whatever the order of the fields, and only of the same package', () => {
    const path = join(folder, 'deeper', 'rows.jsonl');
    new RowCache(path, 'package 1').add({ ...row, chunks: ['a'] }, result);
    const again = new RowCache(path, 'package 1');
    assert.deepEqual(again.get({ mode: 'full', chunks: ['a'], question: 'x?' }), result);
    assert.equal(again.get({ mode: 'none', question: 'x?' }), undefined);
    assert.equal(new RowCache(path, 'package 2').get({ ...row, chunks: ['a'] }), undefined);
  });

  it('a line that was cut off costs that row alone, and does not spoil the next', () => {
    const path = join(folder, 'rows.jsonl');
    const first = new RowCache(path, 'p');
    first.add({ question: '1' }, result);
    first.add({ question: '2' }, { error: 'too long' });
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.slice(0, -20));
    const second = new RowCache(path, 'p');
    assert.deepEqual(second.get({ question: '1' }), result);
    assert.equal(second.get({ question: '2' }), undefined);
    second.add({ question: '3' }, result);
    appendFileSync(path, '{"key": "x", "outcome": {"answer": 1}}\n');
    const third = new RowCache(path, 'p');
    assert.deepEqual(third.get({ question: '3' }), result);
    assert.equal(third.get({ question: '2' }), undefined);
  });

  it('with another scorer only rows that are read by anchors are run again, with other weights all', async () => {
    const files = { weights: 'onnx/model_int8.onnx_data', scorer: 'onnx/scorer.onnx_data' };
    const packageOf = async (name: string, weights: string, scorer: string): Promise<string> => {
      const path = join(folder, name);
      await mkdir(path);
      const sums = [`${weights}  ${files.weights}`, `${scorer}  ${files.scorer}`, `${name}  anchorage_package.json`];
      await writeFile(join(path, 'SHA256SUMS'), `${sums.join('\n')}\n`);
      return path;
    };
    const modes = [{ mode: 'full' }, { mode: 'anchors' }, {}] as const;
    const rows = modes.map((mode): RowInput => ({ question: 'x?', chunks: ['a'], ...mode }));
    const cacheFolder = join(folder, 'cache');
    const first = await packageOf('first', 'w1', 's1');
    for (const part of ['package', 'decoder'] as const) {
      const identity = await packageIdentity(first, 'int8', part);
      const cache = new RowCache(join(cacheFolder, `${identity.slice(0, 16)}.jsonl`), identity);
      for (const each of rows) cache.add(each, result);
    }
    const known = async (anchors: string): Promise<readonly boolean[]> => {
      const runner = new RowRunner({ anchors }, { variant: 'int8', cacheFolder, onlyKnown: true });
      return (await runner.run('anchors', rows, () => undefined)).map((outcome) => outcome !== null);
    };
    assert.deepEqual(await known(first), [true, true, true]);
    assert.deepEqual(await known(await packageOf('scorer', 'w1', 's2')), [true, false, false]);
    assert.deepEqual(await known(await packageOf('weights', 'w2', 's1')), [false, false, false]);
  });

  it('a place that cannot be written is told', () => {
    writeFileSync(join(folder, 'file'), '');
    assert.throws(
      () => new RowCache(join(folder, 'file', 'rows.jsonl'), 'p'),
      (error: unknown) => AnchorageError.is(error, 'storageUnavailable'),
    );
  });
});

describe('pieces of a text', () => {
  it('end with a line where one ends near, and hold everything but a short rest', () => {
    const text = `${'a'.repeat(70)}\n${'b'.repeat(200)}\nend`;
    const pieces = piecesOf(text, 100);
    assert.deepEqual(pieces, [`${'a'.repeat(70)}\n`, 'b'.repeat(100), `${'b'.repeat(100)}\n`]);
  });
});
