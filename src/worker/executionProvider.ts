import { executionProviders, type ExecutionProvider } from '../protocol/executionProvider.ts';
import { explain, isMoreTelling, providerNames } from './providerOutcome.ts';
import type { ProviderFailure, ProviderOutcome } from './providerOutcome.ts';

/** What a choice is made by. */
export interface ProviderFacts {
  readonly wanted: ExecutionProvider | 'auto';
  /** Those that this build of onnxruntime has. */
  readonly built: ReadonlySet<string>;
  /** Whether the package has a graph for a provider, and the engine a decoder. */
  readonly canOpen: (executionProvider: ExecutionProvider) => boolean;
  /** What became of a provider when it was tried on this machine; undefined when it was not. */
  readonly outcome: (executionProvider: ExecutionProvider) => ProviderOutcome | undefined;
}

export interface ProviderChoice {
  readonly executionProvider: ExecutionProvider;
  /** One sentence: why this one and not another, and what the user can do about it. */
  readonly reason: string;
  /** Those that would be preferred and have not been tried, the best first. */
  readonly untried: readonly ExecutionProvider[];
}

/**
 * Chooses the first provider that is known to work here, to be faster than the CPU, and that the package has a graph for;
 * the CPU, which is onnxruntime's own code, when there is none. One that was asked for need not be faster. It tries nothing: a model must not wait for a driver.
 */
export function chooseProvider({ wanted, built, canOpen, outcome }: ProviderFacts): ProviderChoice {
  if (wanted === 'cpu')
    return { executionProvider: 'cpu', reason: 'CPU, because the settings ask for it.', untried: [] };
  const untried: ExecutionProvider[] = [];
  const withoutGraph: ExecutionProvider[] = [];
  const slower: Slower[] = [];
  let failure: Failed | undefined;
  for (const executionProvider of candidates(wanted, built)) {
    const found = built.has(executionProvider) ? outcome(executionProvider) : ({ kind: 'notBuilt' } as const);
    if (found === undefined) untried.push(executionProvider);
    else if (found.kind !== 'works') {
      const failed = { executionProvider, failure: found };
      // Of two that say as much, the later: it is the one that needs less to be installed.
      if (failure === undefined || !isMoreTelling(failure.failure, found)) failure = failed;
    } else if (wanted === 'auto' && canOpen(executionProvider) && (found.timeShare ?? 0) >= 1) {
      slower.push({ executionProvider, timeShare: found.timeShare ?? 1 });
    } else if (canOpen(executionProvider)) {
      const reason = `${nameOf(executionProvider)}, because it was tried on this machine and computes what the CPU does.`;
      return { executionProvider, reason, untried };
    } else withoutGraph.push(executionProvider);
  }
  return {
    executionProvider: 'cpu',
    reason: `CPU, because ${whyCpu(untried, withoutGraph, slower, failure)}.`,
    untried,
  };
}

interface Failed {
  readonly executionProvider: ExecutionProvider;
  readonly failure: ProviderFailure;
}

/** A provider that works, and takes so many times as long as the CPU. */
interface Slower {
  readonly executionProvider: ExecutionProvider;
  readonly timeShare: number;
}

function candidates(wanted: ExecutionProvider | 'auto', built: ReadonlySet<string>): readonly ExecutionProvider[] {
  if (wanted !== 'auto') return [wanted];
  return executionProviders.filter((each) => built.has(each) && each !== 'cpu');
}

function whyCpu(
  untried: readonly ExecutionProvider[],
  withoutGraph: readonly ExecutionProvider[],
  slower: readonly Slower[],
  failure: Failed | undefined,
): string {
  const [first] = slower;
  if (first !== undefined) {
    const times = first.timeShare.toPrecision(2);
    return `${nameOf(first.executionProvider)} works here but took ${times} times as long to answer; to use it all the same, choose it in anchorage.model.executionProvider`;
  }
  if (withoutGraph.length > 0) {
    const names = withoutGraph.map(nameOf).join(' or ');
    return `the model package has no graph for ${names}, which would work here; use a package that has one`;
  }
  if (untried.length > 0) {
    const names = untried.map(nameOf).join(' and ');
    return `${names} ${untried.length === 1 ? 'has' : 'have'} not been tried on this machine yet; that is done in a quiet moment, for the next start`;
  }
  if (failure === undefined) return 'onnxruntime has nothing else for this platform';
  const { cause, remedy } = explain(failure.executionProvider, failure.failure);
  return `${cause}; ${remedy}`;
}

/** At the beginning of a sentence. */
function nameOf(executionProvider: ExecutionProvider): string {
  return executionProvider === 'cpu' ? 'CPU' : providerNames[executionProvider];
}
