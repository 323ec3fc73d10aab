// Writes the formatting that lint asks for: `npm run format`.
import { spawnSync } from 'node:child_process';
import { noOptions, readOptions } from './options.ts';
import { root } from './prepare/folders.ts';

readOptions({ usage: 'usage: npm run format', schema: noOptions });

const { status } = spawnSync('prettier', ['--write', '--log-level', 'warn', '.'], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, PATH: `${root}/node_modules/.bin:${process.env['PATH'] ?? ''}` },
});
process.exitCode = status ?? 1;
