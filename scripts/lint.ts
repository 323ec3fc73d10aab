// ESLint, the types of every part, and the formatting: `npm run lint`.
import { noOptions, readOptions } from './options.ts';
import { lintCheck } from './checks/lintCheck.ts';
import { runChecks } from './checks/runChecks.ts';

readOptions({ usage: 'usage: npm run lint', schema: noOptions });

const { failed } = await runChecks([lintCheck], { grep: undefined });
process.exitCode = failed === 0 ? 0 : 1;
