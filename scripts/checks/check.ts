/** How many tests of a check passed and failed. A skipped test counts as failed: nothing here is optional. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
}

/** What the command line of `npm test` asks of the checks. */
export interface CheckOptions {
  /** Only tests whose full title matches; undefined: all. */
  readonly grep: string | undefined;
}

/** One kind of tests: prepared, run and counted on its own. */
export interface Check {
  readonly name: string;
  readonly summary: string;
  /** Names of preparation steps (prepare.ts). */
  readonly steps: readonly string[];
  run(options: CheckOptions): Promise<Tally>;
}

export const onePassed: Tally = { passed: 1, failed: 0 };
export const oneFailed: Tally = { passed: 0, failed: 1 };

export function sum(tallies: readonly Tally[]): Tally {
  return tallies.reduce((left, right) => ({ passed: left.passed + right.passed, failed: left.failed + right.failed }), {
    passed: 0,
    failed: 0,
  });
}
