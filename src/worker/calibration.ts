import { throwIfCancelled } from '../engine/sequenceReader.ts';
import { messageOf } from '../protocol/errors.ts';
import { chooseProvider, type ProviderChoice, type ProviderFacts } from './executionProvider.ts';
import type { GroupSizeChoice } from './groupSizeChoice.ts';
import { probedGraph, type GroupKey, type MachineProfile } from './machineProfile.ts';
import type { ExecutionProvider } from '../protocol/executionProvider.ts';
import { explain, providerNames, type ProviderOutcome } from './providerOutcome.ts';

/** A line of Diagnose. */
export interface CalibrationLine {
  readonly name: string;
  readonly detail: string;
}

/** What a loaded model measures of its machine, for the loads after it. */
export interface ModelCalibration {
  /** One sentence: why the model runs where it does, and where it will after the next start. */
  readonly reason: string;
  /** Whether `run` has anything to do. */
  readonly isDue: boolean;
  /** Work for a quiet moment. @throws AnchorageError `cancelled`; what was done by then is kept. */
  run(signal: AbortSignal): Promise<void>;
  /** Tries the execution providers again, whatever is known of them. Ties up no engine. */
  tryProvidersAgain(signal: AbortSignal): Promise<void>;
  /** The model has answered: its execution provider does not end the process. */
  noteAnswer(): void;
  readonly lines: readonly CalibrationLine[];
}

export interface CalibrationOptions {
  readonly profile: MachineProfile;
  readonly facts: ProviderFacts;
  /** The provider that the model was loaded on. */
  readonly executionProvider: ExecutionProvider;
  /** Of the loaded decoder, and the size that it reads. */
  readonly group: GroupKey;
  readonly groupTokens: number;
  readonly probe: (executionProvider: ExecutionProvider, signal: AbortSignal) => Promise<ProviderOutcome>;
  /** Null where there was no room to measure. */
  readonly measure: (signal: AbortSignal) => Promise<GroupSizeChoice | null>;
}

/** Fills the machine's profile in quiet moments. The model in memory stays as it is: the next one is loaded by it. */
export class Calibration implements ModelCalibration {
  readonly #options: CalibrationOptions;
  #hasMeasured: boolean;
  /** Probes take turns: two at a time would slow each other past their limit. */
  #probes: Promise<void> = Promise.resolve();

  constructor(options: CalibrationOptions) {
    this.#options = options;
    this.#hasMeasured = !options.profile.isGroupDue(options.group);
  }

  get reason(): string {
    const { executionProvider } = this.#options;
    const next = this.#choice;
    if (next.executionProvider === executionProvider) return next.reason;
    const now = executionProvider === 'cpu' ? 'CPU' : providerNames[executionProvider];
    return `${now} until the worker is started again, then ${next.reason}`;
  }

  get isDue(): boolean {
    return this.#options.profile.path !== null && (this.#choice.untried.length > 0 || !this.#hasMeasured);
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#probeUntried(signal);
    if (this.#hasMeasured) return;
    const { measure, profile, group } = this.#options;
    const choice = await measure(signal);
    this.#hasMeasured = true;
    // What was measured on a busy machine would stand for a month; the next start measures again.
    if (choice === null || !choice.isSteady) return;
    const { groupTokens, measured } = choice;
    profile.noteGroup({ ...group, groupTokens, measured: [...measured] });
  }

  async tryProvidersAgain(signal: AbortSignal): Promise<void> {
    this.#options.profile.forgetProviders();
    await this.#probeUntried(signal);
  }

  noteAnswer(): void {
    this.#options.profile.endFirstUse();
  }

  get lines(): readonly CalibrationLine[] {
    const { profile, group, groupTokens } = this.#options;
    const tried = profile.tried.map(({ executionProvider, outcome, at }) => ({
      name: `Tried: ${providerNames[executionProvider]}`,
      detail: `${resultOf(executionProvider, outcome)} (${at.slice(0, 10)})`,
    }));
    const remembered = profile.group(group);
    const sizes = remembered?.measured.map(
      ({ tokens, tokensPerSecond }) => `${tokens}: ${Math.round(tokensPerSecond)}`,
    );
    const measured =
      sizes === undefined
        ? 'by the size of the model; it is measured in a quiet moment'
        : `measured on ${remembered?.at.slice(0, 10)}, ${sizes.join(', ')} tokens/s, so ${remembered?.groupTokens} from the next start on`;
    return [
      ...tried,
      { name: 'Tokens read at a time', detail: `${groupTokens}, ${measured}` },
      {
        name: 'What is known of the machine',
        detail: profile.path ?? 'kept nowhere, since there is no folder for it: nothing is tried or measured',
      },
    ];
  }

  get #choice(): ProviderChoice {
    return chooseProvider(this.#options.facts);
  }

  #probeUntried(signal: AbortSignal): Promise<void> {
    const mine = this.#probes.then(async () => {
      // Asked anew each time: with one that works, those after it need not be tried.
      for (let next = this.#choice.untried[0]; next !== undefined; next = this.#choice.untried[0]) {
        throwIfCancelled(signal);
        const { profile, facts, group } = this.#options;
        const outcome = await this.#probed(next, signal);
        profile.noteOutcome(next, facts.canOpen(next) ? group.model : probedGraph, outcome);
      }
    });
    this.#probes = mine.catch(() => undefined);
    return mine;
  }

  async #probed(executionProvider: ExecutionProvider, signal: AbortSignal): Promise<ProviderOutcome> {
    try {
      return await this.#options.probe(executionProvider, signal);
    } catch (error) {
      throwIfCancelled(signal);
      return { kind: 'failed', problem: messageOf(error) };
    }
  }
}

function resultOf(executionProvider: ExecutionProvider, outcome: ProviderOutcome): string {
  if (outcome.kind === 'works') return `works, ${outcome.difference.toPrecision(1)} of the largest number from the CPU`;
  const { cause, remedy } = explain(executionProvider, outcome);
  return `${cause}; ${remedy}`;
}
