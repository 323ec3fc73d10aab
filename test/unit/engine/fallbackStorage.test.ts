import assert from 'node:assert/strict';
import { AnchorCache } from '../../../src/engine/anchorCache.ts';
import { deviceFailed } from '../../../src/engine/deviceMemory.ts';
import { FallbackStorage } from '../../../src/engine/fallbackStorage.ts';
import { KvArenas } from '../../../src/engine/kvArenas.ts';
import type { PlacedToken } from '../../../src/engine/placedToken.ts';
import { Random } from '../../../src/engine/random.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';

const shape = { num_hidden_layers: 2, num_key_value_heads: 2, head_dim: 4, rope_theta: 100, rope_scaling: null };
const width = 8;

/** Rows in memory that behave as those of a device with room for so many bytes, which can be pulled out. */
class FailingDevice extends KvArenas {
  isGone = false;
  calls = 0;
  readonly #limit: number;

  constructor(limit: number) {
    super(shape, 'float32');
    this.#limit = limit;
  }

  override async resize(capacity: number, rows: number): Promise<void> {
    this.#need();
    if (this.bytesAt(capacity) > this.#limit) throw deviceFailed('its memory is full');
    await super.resize(capacity, rows);
  }

  override async read(first: number, count: number): Promise<Float32Array> {
    this.#need();
    return super.read(first, count);
  }

  override async keep(first: number, kept: Int32Array, shifts: Int32Array): Promise<void> {
    this.#need();
    await super.keep(first, kept, shifts);
  }

  #need(): void {
    this.calls++;
    if (this.isGone) throw deviceFailed('the device was lost');
  }
}

function tokens(count: number, first: number): PlacedToken[] {
  return Array.from({ length: count }, (_, t) => {
    return { id: 0, position: first + t, sequence: 1, anchor: false, kept: t % 2 === 0, alone: false };
  });
}

function open(limit: number): {
  device: FailingDevice;
  storage: FallbackStorage;
  cache: AnchorCache;
  plain: AnchorCache;
} {
  const device = new FailingDevice(limit);
  const storage = new FallbackStorage(device, async () => new KvArenas(shape, 'float32'));
  return {
    device,
    storage,
    cache: new AnchorCache(shape, storage),
    plain: new AnchorCache(shape, new KvArenas(shape, 'float32')),
  };
}

describe('rows on a device that fails', () => {
  it('go on in memory when the device has no room for more, and are the same', async () => {
    const { device, storage, cache, plain } = open(200 * 4 * width * 4);
    const random = new Random(3);
    for (let n = 0; n < 12; n++) {
      const rows = Float32Array.from({ length: 4 * 30 * width }, () => random.next() - 0.5);
      for (const each of [cache, plain]) {
        const first = each.rows;
        await each.append(rows, tokens(30, first));
        if (n % 3 === 2) await each.reduce(first, () => true, true);
      }
    }
    assert.ok(storage.current !== device, 'it has left the device');
    assert.equal(device.capacity, 0, 'and freed what it had there');
    assert.deepEqual(cache.positions, plain.positions);
    assert.deepEqual(await cache.copyRows(0, cache.rows), await plain.copyRows(0, plain.rows));
  });

  it('are lost with a device that does not answer, which is told until they are let go', async () => {
    const { device, cache } = open(Infinity);
    await cache.append(new Float32Array(4 * 30 * width).fill(1), tokens(30, 0));
    device.isGone = true;
    const isLost = (error: unknown): boolean => AnchorageError.is(error, 'deviceFailed');
    await assert.rejects(
      cache.reduce(0, () => true, true),
      isLost,
    );
    await assert.rejects(cache.copyRows(0, 1), isLost);
    await assert.rejects(cache.reserve(500), isLost);
    assert.throws(() => cache.storage instanceof FallbackStorage && cache.storage.current, isLost);
    cache.release();
    await cache.append(new Float32Array(4 * 3 * width).fill(2), tokens(3, 0));
    assert.deepEqual(await cache.copyRows(2, 1), new Float32Array(4 * width).fill(2));
    const { calls } = device;
    await cache.reduce(0, () => true, true);
    assert.equal(device.calls, calls, 'a device that failed is not asked again');
  });
});
