import { baseStep, readBase } from './base.ts';
import { bundleStep } from './bundleStep.ts';
import { chromiumStep } from './chromium.ts';
import { codeServerStep } from './codeServer.ts';
import { cacheFolder } from './folders.ts';
import { llamaCppStep } from './llamaCpp.ts';
import { mesaStep } from './mesa.ts';
import { modelPackageStep } from './modelPackage.ts';
import { endRunningPrograms } from './program.mjs';
import { pythonEnvironmentStep } from './pythonEnvironment.ts';
import type { Step } from './step.mjs';
import { prepareStep } from './step.mjs';
import { vsixStep } from './vsixStep.ts';

const steps: Readonly<Record<string, () => Step | Promise<Step>>> = {
  base: async () => baseStep(await readBase()),
  package: async () => modelPackageStep(await readBase()),
  bundle: bundleStep,
  vsix: vsixStep,
  python: pythonEnvironmentStep,
  codeServer: codeServerStep,
  chromium: chromiumStep,
  llama: llamaCppStep,
  mesa: mesaStep,
};

/** Ends what the steps started when this process is told to stop. */
export function endProgramsOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      endRunningPrograms();
      process.exit(1);
    });
  }
}

/**
 * Does the named steps, in order, each if it is not done yet.
 *
 * @throws {PreparationError} saying what is missing and what to do about it
 */
export async function prepare(names: readonly string[]): Promise<void> {
  for (const name of names) {
    const step = steps[name];
    if (step === undefined) throw new Error(`There is no step "${name}".`);
    await prepareStep(await step(), { stateFolder: cacheFolder });
  }
}
