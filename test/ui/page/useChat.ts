import assert from 'node:assert/strict';
import { findChromium } from '../../../scripts/prepare/chromium.ts';
import { ChatHarness, type ChatTab, type OpenOptions } from './chatHarness.ts';

/** Shared by all files of a run: a browser takes longer to start than most tests take. */
let starting: Promise<ChatHarness> | null = null;

after(async () => {
  const harness = await starting;
  await harness?.stop();
});

/**
 * Opens chat pages for the tests of one `describe`, and after each test closes them and asserts that none had a fault.
 * Without Chromium the tests are skipped, loudly.
 */
export function useChat(): (options?: OpenOptions) => Promise<ChatTab> {
  let harness: ChatHarness | null = null;
  const tabs: ChatTab[] = [];

  before(async function () {
    this.timeout(30_000);
    const chromium = await findChromium();
    if (chromium === undefined) {
      console.error('\nSKIPPED: the tests of the chat page need Chromium (apt-get install chromium).\n');
      this.skip();
    }
    starting ??= ChatHarness.start(chromium);
    harness = await starting;
  });

  afterEach(() => {
    const faults = tabs.splice(0).flatMap((tab) => harness?.close(tab) ?? []);
    assert.deepEqual(faults, []);
  });

  return async (options) => {
    assert.ok(harness);
    const tab = await harness.open(options);
    tabs.push(tab);
    return tab;
  };
}
