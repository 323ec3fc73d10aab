import assert from 'node:assert/strict';
import { beginProgress } from '../../../scripts/prepare/progress.mjs';

describe('the line of progress', () => {
  function recorder() {
    const texts: string[] = [];
    return { texts, stream: { write: (text: string) => texts.push(text) } };
  }

  it('says nothing about a step that takes less than a second', () => {
    const { texts, stream } = recorder();
    beginProgress('Making', { stream }).end('done');
    assert.deepEqual(texts, []);
  });

  it("is no longer than a terminal's line, which it writes over", async () => {
    const { texts, stream } = recorder();
    const progress = beginProgress('Making', { stream: { ...stream, isTTY: true, columns: 30 } });
    progress.advance({ note: 'x'.repeat(100) });
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    progress.end('done');
    assert.equal(texts[0]?.length, '\r'.length + 29 + '\u001b[K'.length);
  });

  it('tells a failure, however quick', () => {
    const { texts, stream } = recorder();
    beginProgress('Making', { stream, now: () => 0 }).end('failed');
    assert.deepEqual(texts, ['Making: failed after 0.0 s\n']);
  });

  it('tells time and bytes after a second, and how long it took', async () => {
    const { texts, stream } = recorder();
    const progress = beginProgress('Fetching', { stream });
    progress.advance({ bytes: 1_500_000, totalBytes: 3_000_000 });
    await new Promise((resolve) => setTimeout(resolve, 1_150));
    progress.end('done');
    assert.match(texts.join(''), /^Fetching: 1\.\d s, 1\.5 MB of 3\.0 MB\nFetching: done after 1\.\d s\n$/);
  });
});
