import assert from 'node:assert/strict';
import { samplingSchema, type Sampling } from '../../../src/protocol/sampling.ts';
import { AnchorContext } from '../../../src/engine/anchorContext.ts';
import { generate, type Generation } from '../../../src/engine/generation.ts';
import type { ModelPackage } from '../../../src/engine/modelPackage.ts';
import { Random } from '../../../src/engine/random.ts';
import { exactTokens, oldRows } from '../../../src/engine/runCut.ts';
import { oneByOne, Speculation, type Rewindable } from '../../../src/engine/speculation.ts';
import { assertClose, randomIds } from './contextFixtures.ts';
import { openTinyDecoder } from './tinyDecoder.ts';

const vocabulary = 300;

/** A text that can be read ahead of. Its logits depend on all of it, mostly on the last two tokens: it repeats itself. */
class ScriptedText implements Rewindable {
  readonly ids: number[] = [];
  runs = 0;
  readonly #seed: number;
  readonly #capacity: number;
  readonly #block: number;
  #last = 0;

  constructor(seed: number, capacity: number, block: number) {
    this.#seed = seed;
    this.#capacity = capacity;
    this.#block = block;
  }

  room(): number {
    return this.#capacity - this.ids.length;
  }

  exactTokens(): number {
    return this.#block - (this.ids.length % this.#block);
  }

  async read(ids: readonly number[]): Promise<Float32Array[]> {
    assert.ok(ids.length > 0 && ids.length <= this.room() && ids.length <= this.exactTokens());
    this.runs++;
    this.#last = ids.length;
    return ids.map((id) => {
      this.ids.push(id);
      return this.logits();
    });
  }

  retract(count: number): void {
    assert.ok(count < this.#last, 'the token drawn stays');
    this.#last -= count;
    this.ids.length -= count;
  }

  logits(): Float32Array {
    const [a = 0, b = 0] = this.ids.slice(-2);
    const whole = this.ids.reduce((hash, id) => (Math.imul(hash, 31) + id) >>> 0, this.#seed);
    const isStray = whole % 7 === 0;
    const random = new Random(this.#seed * 1000 + (isStray ? whole : (a % 9) * 10 + (b % 9)));
    const logits = Float32Array.from({ length: vocabulary }, (_, id) =>
      id < 3 ? -4 : random.next() * (id < 40 ? 6 : 3),
    );
    // Token 2 ends an answer.
    if (isStray && whole % 5 === 0) logits[2] = 6;
    return logits;
  }
}

interface ContextAfter {
  readonly state: object;
  readonly logits: readonly Float32Array[];
  readonly tokens: readonly number[];
  readonly runs: number;
}

interface Outcome extends Pick<Generation, 'text' | 'tokens' | 'stopReason'> {
  readonly streamed: string;
  readonly read: readonly number[];
  readonly runs: number;
}

describe('speculation', function () {
  this.timeout(60_000);

  it('gives the same answer and leaves the same text, for any logits, sampling and limits', async () => {
    const { decoder } = await openTinyDecoder({});
    const random = new Random(30);
    const reasons = new Set<string>();
    let runs = 0;
    let runsAhead = 0;
    for (let round = 0; round < 400; round++) {
      const sampling = randomSampling(random);
      const shape = [round, random.integer(2, 90), random.integer(1, 40)] as const;
      const plain = await answer(decoder.package, sampling, shape, null);
      const from = random.integer(0, Math.max(0, plain.text.length - 4));
      const stop =
        random.next() < 0.3 && plain.text !== '' ? [plain.text.slice(from, from + random.integer(1, 4))] : [];
      const abortAfter = random.next() < 0.3 ? random.integer(1, 20) : Infinity;
      const texts = [randomIds(random, random.integer(0, 20)), random.next() < 0.5 ? plain.tokens : []];
      const limited = { ...sampling, stop };
      const expected = await answer(decoder.package, limited, shape, null, abortAfter);
      const found = await answer(decoder.package, limited, shape, texts, abortAfter);
      assert.deepEqual({ ...found, runs: 0 }, { ...expected, runs: 0 });
      reasons.add(found.stopReason);
      runs += expected.runs;
      runsAhead += found.runs;
    }
    assert.deepEqual([...reasons].sort(), ['cancelled', 'contextFull', 'endOfText', 'maxTokens', 'stopString']);
    assert.ok(runsAhead < 0.8 * runs, `${runsAhead} runs in place of ${runs}`);
  });

  it('leaves a context as it would be without: rows, text, and what comes next', async () => {
    const { decoder } = await openTinyDecoder({});
    const question = randomIds(new Random(31), 9);
    for (const [maxTokens, temperature] of [
      [60, 0],
      [61, 0],
      [25, 1],
      [1, 0],
    ] as const) {
      const sampling = samplingSchema.parse({ maxTokens, temperature, topK: 3, seed: 7 });
      const one = async (texts: readonly (readonly number[])[] | null): Promise<ContextAfter> => {
        const context = new AnchorContext(decoder, { pinned: [1, 5] });
        await context.seal(randomIds(new Random(3), 20), { choice: 'stride' });
        await context.read(question, { logits: 'last' });
        const before = context.rows;
        let runs = 0;
        context.groupSize = (available) => {
          runs++;
          return available;
        };
        const options = texts === null ? { speculate: false } : { texts };
        const { text, tokens, stopReason } = await context.generate(sampling, options);
        assert.equal(context.rows - before, tokens.length - (stopReason === 'endOfText' ? 0 : 1));
        const { rows, textTokens, nextLogits } = context;
        assert.ok(nextLogits !== null);
        const logits = [nextLogits, ...(await context.read([40, 41, 42], { logits: 'all' }))];
        context.dropLive();
        const sealed = await context.seal(randomIds(new Random(4), 12), { choice: 'stride' });
        return { state: { text, tokens, stopReason, rows, textTokens, sealed }, logits, tokens, runs };
      };
      const plain = await one(null);
      // A text that repeats the answer, with tokens in it that are not the answer's.
      const text = plain.tokens.flatMap((id, i) => (i % 13 === 12 ? [id, 3] : [id]));
      const ahead = await one([question, text]);
      assert.deepEqual(ahead.state, plain.state);
      assertClose(
        ahead.logits,
        plain.logits.map((row) => Array.from(row)),
      );
      assert.ok(maxTokens < 25 || ahead.runs < plain.runs, `${ahead.runs} runs in place of ${plain.runs}`);
    }
  });

  it('cuts a run where it would be cut for each of its tokens alone', () => {
    for (let rows = 1; rows < 200; rows++) {
      for (let tokens = 1; tokens <= exactTokens(rows); tokens++) {
        const cut = oldRows(rows, tokens);
        assert.ok(cut >= 1 && cut <= rows);
        for (let i = 0; i < tokens; i++) assert.equal(oldRows(rows + i, 1), cut);
      }
      assert.equal(oldRows(rows, exactTokens(rows) + 1), rows);
    }
  });

  it('reads several tokens to the bits of one by one', async function () {
    // Elsewhere the runtime may have other products for one row than for several.
    if (process.arch !== 'x64') this.skip();
    const { decoder } = await openTinyDecoder({});
    const ids = randomIds(new Random(32), 150);
    const read = async (most: number): Promise<Float32Array[]> => {
      const context = new AnchorContext(decoder, { pinned: [1, 5] });
      const logits: Float32Array[] = [];
      await context.readPinned();
      for (let done = 0; done < ids.length;) {
        const count = Math.min(most, exactTokens(context.rows), ids.length - done);
        logits.push(...(await context.read(ids.slice(done, done + count), { logits: 'all' })));
        done += count;
      }
      return logits;
    };
    const expected = await read(1);
    for (const most of [2, 5, 16]) assert.deepEqual(await read(most), expected, `${most} at a time`);
  });

  it('reads nothing ahead under online reduction', async () => {
    const { decoder } = await openTinyDecoder({});
    const sampling = samplingSchema.parse({ maxTokens: 30 });
    const answers: Generation[] = [];
    for (const speculate of [false, true]) {
      const context = new AnchorContext(decoder, { pinned: [1], reduction: 'online', onlineRatio: 4 });
      await context.read([50, 51, 52], { logits: 'last' });
      answers.push(await context.generate(sampling, { speculate, texts: answers.map(({ tokens }) => tokens) }));
    }
    assert.deepEqual(answers[1]?.tokens, answers[0]?.tokens);
  });
});

async function answer(
  pkg: ModelPackage,
  sampling: Sampling,
  [seed, capacity, block]: readonly [number, number, number],
  texts: readonly (readonly number[])[] | null,
  abortAfter = Infinity,
): Promise<Outcome> {
  const live = new ScriptedText(seed, capacity, block);
  const steps = texts === null ? oneByOne(live) : new Speculation(live, { texts, tokenCost: 0.05 });
  const controller = new AbortController();
  let streamed = '';
  let parts = 0;
  const onToken = (text: string): void => {
    streamed += text;
    if (++parts === abortAfter) controller.abort();
  };
  const options = { signal: controller.signal, onToken };
  const { text, tokens, stopReason } = await generate(
    { package: pkg, logits: live.logits(), steps },
    sampling,
    options,
  );
  return { text, tokens, stopReason, streamed, read: live.ids, runs: live.runs };
}

function randomSampling(random: Random): Sampling {
  const one = <T>(...values: readonly [T, ...T[]]): T => values[random.integer(0, values.length - 1)] ?? values[0];
  return samplingSchema.parse({
    temperature: one(0, 0, 0.3, 1),
    topP: one(1, 0.9),
    topK: one(0, 0, 5),
    minP: one(0, 0.1),
    repetitionPenalty: one(1, 1, 1.1),
    seed: random.integer(0, 1000),
    maxTokens: random.integer(1, 80),
  });
}
