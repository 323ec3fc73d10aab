import assert from 'node:assert/strict';
import { join } from 'node:path';
import { ModelTokenizer, tokenizerJsonSchema } from '../../../../src/engine/tokenizer.ts';
import { batchRowSchema } from '../../../../src/protocol/batch.ts';
import { anchored, bounds, controls, onePerChunk } from '../../../bench/evaluate/arms.ts';
import { chooseTasks } from '../../../bench/evaluate/chooseTasks.ts';
import { EvaluationData } from '../../../bench/evaluate/evaluationData.ts';
import { rowsOf, type Item } from '../../../bench/evaluate/item.ts';
import { builtInAdapter } from '../../../bench/report.ts';
import { tinyTokenizer } from '../../engine/tinyModel.ts';

const ends = [
  { name: 'near', text: 'a b' },
  { name: 'far', text: 'a b c d' },
];

function item(ask: Item['ask']): Item {
  return { id: 'a', chunks: ['one', 'two'], independent: true, pinned: 'system', ask };
}

describe('rows of an item', () => {
  const asks: Item['ask'][] = [
    { kind: 'choice', prompt: 'Question: x\nAnswer:', choices: [' a', ' b'], answer: 1 },
    { kind: 'choice', question: 'x?', choices: ['a', 'b'], answer: 0 },
    { kind: 'blank', prompts: ['Ann', 'Bob'], continuation: ' slept.', answer: 0 },
    { kind: 'continuation', upTo: ends },
    { kind: 'answer', question: 'x?', expected: '42', maxTokens: 8 },
    { kind: 'reference', question: 'x?', reference: 'y', maxTokens: 8 },
  ];

  it('are what batch takes, under every reading', () => {
    const readings = [...bounds('anchors'), ...anchored([8, onePerChunk]), ...controls([8])].flatMap(({ reading }) =>
      reading.mode === 'summary' ? [] : [reading],
    );
    for (const ask of asks) {
      for (const reading of readings) {
        for (const row of rowsOf(item(ask), reading)) {
          const parsed = batchRowSchema.parse({ id: 1, ...row });
          assert.equal(parsed.mode, reading.mode);
          assert.equal(parsed.chunks.length, reading.mode === 'none' ? 0 : 2);
        }
      }
    }
  });

  it('a blank is a row for each of its contexts, a continuation one for each end', () => {
    const rows = asks.map((ask) => rowsOf(item(ask), { mode: 'full' }).length);
    assert.deepEqual(rows, [1, 1, 2, 2, 1, 1]);
  });

  it('every control is at the ratio of the anchors that it stands beside', () => {
    const own = controls([8, 16]);
    assert.deepEqual(
      own.map(({ reading }) => reading.ratio),
      [8, 8, 8, 8, 8, 8, 16, 16, 16, 16, 16, 16],
    );
    assert.ok(own.every(({ isControl }) => isControl));
  });
});

describe('items', () => {
  const tokenizer = new ModelTokenizer(tokenizerJsonSchema.parse(tinyTokenizer()));
  const sample = new EvaluationData(join(builtInAdapter, 'evaluation', 'quick'));
  const { tasks } = chooseTasks({ tasks: null, AC: 'a', EP: 'e' }, sample, true);

  it('of every task that the committed sample has are rows that batch takes, under every reading', async () => {
    assert.ok(tasks.length >= 20);
    for (const task of tasks) {
      const items = await task.items({ data: sample, limit: 3, scale: 'quick', tokenizer });
      assert.ok(items.length > 0 && items.length <= 3, task.name);
      for (const { reading } of task.arms('whole')) {
        if (reading.mode === 'summary') continue;
        for (const row of items.flatMap((one) => rowsOf(one, reading))) {
          const parsed = batchRowSchema.safeParse({ id: 1, ...row });
          assert.ok(parsed.success, `${task.name}: ${parsed.error?.message ?? ''}`);
        }
      }
    }
  });

  it('a fact was told as many exchanges ago as its group says, and its value is in no other exchange', async () => {
    const turns = tasks.find(({ name }) => name === 'turns');
    const items = (await turns?.items({ data: sample, limit: 12, scale: 'whole', tokenizer })) ?? [];
    assert.equal(items.length, 12);
    for (const { chunks, ask, group } of items) {
      assert.ok(ask.kind === 'answer');
      const found = chunks.map((chunk, i) => (JSON.stringify(chunk).includes(ask.expected) ? chunks.length - i : 0));
      assert.deepEqual(
        found.filter((distance) => distance > 0),
        [Number.parseInt(group ?? '', 10)],
      );
    }
    // Distances do not always have the same kind of fact.
    const questions = items
      .filter(({ group }) => group === '1 exchanges')
      .map(({ ask }) => JSON.stringify(ask).slice(30, 50));
    assert.equal(new Set(questions).size, 2);
  });

  it('a pair that is asked for stands in its chunks once', async () => {
    const pairs = tasks.find(({ name }) => name === 'pairs');
    for (const { chunks, ask } of (await pairs?.items({ data: sample, limit: 9, scale: 'whole', tokenizer })) ?? []) {
      assert.ok(ask.kind === 'answer');
      const key = / value of (.*)\?/.exec(ask.question)?.[1] ?? '';
      const text = chunks.flatMap((chunk) => (typeof chunk === 'string' ? [chunk] : [])).join('');
      assert.equal(text.split(`${key} = ${ask.expected}\n`).length, 2);
    }
  });

  it('demonstrations are never asked, and the same for every item', async () => {
    const winogrande = tasks.find(({ name }) => name === 'winogrande-5shot');
    const items = (await winogrande?.items({ data: sample, limit: 100, scale: 'whole', tokenizer })) ?? [];
    assert.equal(items.length, 40 - 16);
    const [demonstrations = []] = items.map(({ chunks }) => chunks);
    assert.equal(demonstrations.length, 5);
    for (const { chunks, ask } of items) {
      assert.deepEqual(chunks, demonstrations);
      assert.ok(ask.kind === 'blank');
      assert.ok(!chunks.some((chunk) => typeof chunk === 'string' && chunk.includes(ask.prompts[ask.answer] ?? '')));
    }
  });
});
