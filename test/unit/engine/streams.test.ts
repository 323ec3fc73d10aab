import assert from 'node:assert/strict';
import { Random } from '../../../src/engine/random.ts';
import { StopStrings } from '../../../src/engine/stopStrings.ts';
import { ModelTokenizer, tokenizerJsonSchema } from '../../../src/engine/tokenizer.ts';
import { tinyTokenizer } from './tinyModel.ts';

const tokenizer = new ModelTokenizer(tokenizerJsonSchema.parse(tinyTokenizer()));

describe('stop strings', () => {
  it('are found across tokens, and nothing of them is given out', () => {
    const stops = new StopStrings(['\n\nUser:', 'END']);
    assert.deepEqual(stops.push('abc\n'), { text: 'abc', stopped: false });
    assert.deepEqual(stops.push('\nUs'), { text: '', stopped: false });
    assert.deepEqual(stops.push('er: more'), { text: '', stopped: true });
  });

  it('give back what only began like one', () => {
    const stops = new StopStrings(['aab']);
    assert.equal(stops.push('xa').text, 'x');
    assert.equal(stops.push('a').text, '');
    assert.equal(stops.push('ac').text, 'aaac');
    assert.equal(stops.push('aa').text, '');
    assert.equal(stops.flush(), 'aa');
  });

  it('take the earliest of several', () => {
    assert.deepEqual(new StopStrings(['later', 'at']).push('at later'), { text: '', stopped: true });
  });

  it('equal a search in the whole text for any cut into tokens', () => {
    const random = new Random(2);
    for (let round = 0; round < 500; round++) {
      const text = Array.from({ length: 30 }, () => 'ab'[random.integer(0, 1)]).join('');
      const stop = Array.from({ length: random.integer(1, 6) }, () => 'ab'[random.integer(0, 1)]).join('');
      const stops = new StopStrings([stop]);
      let out = '';
      let stopped = false;
      for (let i = 0; i < text.length && !stopped;) {
        const size = random.integer(1, 4);
        const step = stops.push(text.slice(i, i + size));
        out += step.text;
        stopped = step.stopped;
        i += size;
      }
      const expected = text.includes(stop) ? text.slice(0, text.indexOf(stop)) : text;
      assert.equal(stopped ? out : out + stops.flush(), expected);
    }
  });
});

describe('streaming detokeniser', () => {
  it('gives out whole characters of a text whose bytes are split over tokens', () => {
    const text = 'the é 漢字 🦊👩‍👩‍👧 end\n';
    const stream = tokenizer.decodeStream();
    const parts = tokenizer.encodeText(text).map((id) => stream.push(id));
    assert.ok(parts.every((part) => !part.includes('\ufffd')));
    assert.equal(parts.join('') + stream.flush(), text);
  });

  it('shows bytes that never became a character as U+FFFD at the end', () => {
    const stream = tokenizer.decodeStream();
    const [first = 0] = tokenizer.encodeText('🦊');
    assert.equal(stream.push(first), '');
    assert.equal(stream.flush(), '\ufffd');
    assert.equal(stream.flush(), '');
  });
});
