// ESLint, the types of every part, and the formatting: `npm run lint`.
import { lintCheck } from './checks/lintCheck.ts';
import { runChecks } from './checks/runChecks.ts';

const { failed } = await runChecks([lintCheck], { grep: undefined });
process.exitCode = failed === 0 ? 0 : 1;
