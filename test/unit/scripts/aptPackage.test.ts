import assert from 'node:assert/strict';
import { installAptPackage } from '../../../scripts/prepare/aptPackage.ts';

describe('a Debian package that is missing', () => {
  it('is named, with what to do, where there is no apt-get', async () => {
    const path = process.env['PATH'];
    process.env['PATH'] = '';
    try {
      const progress = { advance: () => undefined, end: () => undefined };
      await assert.rejects(installAptPackage('python3-venv', 'A Python environment', progress), {
        reason: 'missingTool',
        message:
          /^A Python environment needs the package python3-venv\. Install it.*then run the same command again\.$/,
      });
    } finally {
      process.env['PATH'] = path;
    }
  });
});
