import assert from 'node:assert/strict';
import { attentionBias } from '../../../src/engine/anchorMask.ts';
import type { PlacedToken } from '../../../src/engine/placedToken.ts';
import { Random } from '../../../src/engine/random.ts';
import { sees } from './referenceDecoder.ts';

/** A random run of sequences, the first of them pinned, each token with everything the mask reads. */
function randomTokens(random: Random): PlacedToken[] {
  const tokens: PlacedToken[] = [];
  const sequences = random.integer(1, 5);
  for (let sequence = 0; sequence <= sequences; sequence++) {
    const alone = sequence > 0 && random.next() < 0.3;
    const whole = sequence === 0 || random.next() < 0.2;
    for (let t = random.integer(1, 6); t > 0; t--) {
      const anchor = sequence > 0 && !whole && random.next() < 0.4;
      tokens.push({ id: 0, position: tokens.length, sequence, anchor, kept: anchor || whole, alone });
    }
  }
  return tokens;
}

describe('AnSAN mask', () => {
  it('equals the definition for every split into past and new tokens', () => {
    const random = new Random(3);
    for (let round = 0; round < 200; round++) {
      const tokens = randomTokens(random);
      const split = random.integer(0, tokens.length - 1);
      const past = tokens.slice(0, split);
      const fresh = tokens.slice(split);
      const cache = {
        rows: split,
        sequences: Int32Array.from(past, (token) => token.sequence),
        kept: Uint8Array.from(past, (token) => (token.kept ? 1 : 0)),
      };
      const seesAnchors = random.next() < 0.5;
      const { data, dims } = attentionBias(cache, fresh, seesAnchors);
      const pad = split === 0 ? 1 : 0;
      fresh.forEach((query, i) => {
        for (let j = 0; j < tokens.length; j++) {
          const key = tokens[j];
          const allowed = key !== undefined && j <= split + i && sees(query, key, seesAnchors);
          const bias = dims[1] === 1 ? data[0] : data[i * dims[1] + pad + j];
          assert.equal(bias === 0, allowed, `round ${round}, token ${i}, row ${j}`);
        }
        if (pad === 1) assert.equal(data[i * dims[1]], Math.fround(-1e9), 'the stand-in for an empty past is masked');
      });
    }
  });

  it('lets an anchor see no earlier anchor in the paper’s own mask, and hides closed sequences', () => {
    // x0 x1 <AC> y0 <AC> z0, the worked example of the paper's figure 2.
    const at = (sequence: number, anchor = false): PlacedToken => {
      return { id: 0, position: 0, sequence, anchor, kept: anchor, alone: false };
    };
    const tokens = [at(1), at(1), at(1, true), at(2), at(2, true), at(3)];
    const { data } = attentionBias({ rows: 0, sequences: new Int32Array(), kept: new Uint8Array() }, tokens, false);
    const rows = tokens.map((_, i) =>
      Array.from(data.subarray(i * 7 + 1, i * 7 + 7), (x) => (x === 0 ? 1 : 0)).join(''),
    );
    assert.deepEqual(rows, ['100000', '110000', '111000', '001100', '000110', '001011']);
  });

  it('feeds one broadcast zero for a decode step that sees every row', () => {
    const cache = { rows: 3, sequences: Int32Array.of(0, 1, 2), kept: Uint8Array.of(1, 1, 0) };
    const token = { id: 0, position: 3, sequence: 2, anchor: false, kept: false, alone: false };
    assert.deepEqual(attentionBias(cache, [token], true).dims, [1, 1]);
    assert.deepEqual(attentionBias(cache, [{ ...token, alone: true }], true).dims, [1, 4]);
  });
});
