import assert from 'node:assert/strict';
import { until } from './chatPage.ts';
import { useEditor } from './useEditor.ts';

describe('the packaged extension: summarize', () => {
  const editor = useEditor();

  it('writes the summary of a file into a document of its own', async () => {
    const { workbench } = editor();
    await workbench.openFile('desk.ts');
    await workbench.run('Anchorage: Summarize File');
    await workbench.page.locator('.tab', { hasText: 'Summary of desk.ts' }).waitFor({ timeout: 60_000 });
    // The last line says what was read and held; it is there when the summary is finished.
    let text = '';
    await until(async () => {
      text = await workbench.frameText('Summary of desk.ts');
      return /Read [\d,]+ tokens/.test(text);
    });
    assert.match(text, /key\/value rows/);
  });
});
