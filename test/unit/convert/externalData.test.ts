import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ExternalData } from '../../../src/convert/externalData.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { temporaryFolder } from './temporaryFolder.ts';

describe('ExternalData', () => {
  const folder = temporaryFolder();

  it('starts tensors on page borders, and a new file before one reaches the limit', () => {
    const data = new ExternalData(folder(), 'weights', 10_000);
    const tensors = [3000, 5000, 9000, 100].map((length, i) => new Uint8Array(length).fill(i + 1));
    const places = tensors.map((tensor) => data.append(tensor));
    data.close();
    assert.deepEqual(
      places.map(({ location, offset, length }) => [location, offset, length]),
      [
        ['weights', 0, 3000],
        ['weights', 4096, 5000],
        ['weights_1', 0, 9000],
        ['weights_2', 0, 100],
      ],
    );
    for (const [i, { location, offset, length }] of places.entries()) {
      const content = readFileSync(join(folder(), location)).subarray(offset, offset + length);
      assert.ok(content.every((byte) => byte === i + 1));
    }
    assert.deepEqual(readdirSync(folder()).sort(), ['weights', 'weights_1', 'weights_2']);
    for (const file of readdirSync(folder())) assert.ok(statSync(join(folder(), file)).size < 10_000);
  });

  it('refuses a tensor that no file may hold', () => {
    const data = new ExternalData(folder(), 'weights', 100);
    assert.throws(
      () => data.append(new Uint8Array(100)),
      (error) => AnchorageError.is(error, 'unsupported'),
    );
  });

  it('never writes over a file that is there', () => {
    writeFileSync(join(folder(), 'weights'), 'taken');
    const data = new ExternalData(folder(), 'weights');
    assert.throws(
      () => data.append(new Uint8Array(1)),
      (error) => AnchorageError.is(error, 'storageUnavailable'),
    );
    assert.equal(readFileSync(join(folder(), 'weights'), 'utf8'), 'taken');
  });
});
