import { Decoder, resolvedOptions, type DecoderOptions } from '../engine/decoder.ts';
import { providersWithBuffers } from '../engine/executionProvider.ts';
import { hasDeviceGraph, type ModelPackage } from '../engine/modelPackage.ts';
import { loadOnnxRuntime } from '../engine/onnxRuntime.ts';
import { AnchorageError, messageOf } from '../protocol/errors.ts';
import { chooseProvider, type ProviderFacts } from './executionProvider.ts';
import { probedGraph, type GroupKey, type MachineProfile } from './machineProfile.ts';
import type { ExecutionProvider } from '../protocol/executionProvider.ts';

/** What decoders there are. */
export interface DecoderSource {
  /** Execution providers that this build of onnxruntime has. */
  readonly built: () => Promise<ReadonlySet<string>>;
  /** Whether the package has a graph for the provider. */
  readonly canOpen: (pkg: ModelPackage, executionProvider: ExecutionProvider) => boolean;
  /** @throws AnchorageError as `Decoder.create` does. */
  readonly open: (pkg: ModelPackage, executionProvider: ExecutionProvider, options: DecoderOptions) => Promise<Decoder>;
}

/** The engine's own. */
export const engineDecoders: DecoderSource = {
  built: async () => new Set(await builtProviders()),
  canOpen: (pkg, executionProvider) => {
    if (executionProvider === 'cpu') return true;
    return providersWithBuffers.has(executionProvider) && pkg.variants.every((each) => hasDeviceGraph(pkg, each));
  },
  open: (pkg, executionProvider, options) => Decoder.create(pkg, { ...options, executionProvider }),
};

export interface OpenedDecoder {
  readonly decoder: Decoder;
  readonly executionProvider: ExecutionProvider;
  readonly facts: ProviderFacts;
  readonly group: GroupKey;
}

/**
 * Opens a package's decoder on the provider that the machine's profile knows to work, reading groups of the size that was
 * measured with it; else on the CPU. What fails to open on a provider is noted, and the CPU takes its place.
 *
 * @throws AnchorageError as `Decoder.create` does.
 */
export async function openDecoder(
  pkg: ModelPackage,
  options: Pick<DecoderOptions, 'variant' | 'threads'> & { readonly executionProvider: ExecutionProvider | 'auto' },
  profile: MachineProfile,
  source: DecoderSource,
): Promise<OpenedDecoder> {
  const { variant, threads } = resolvedOptions(pkg, options);
  const model = `${pkg.fingerprint} ${variant}`;
  const facts: ProviderFacts = {
    wanted: options.executionProvider,
    built: await source.built(),
    canOpen: (each) => source.canOpen(pkg, each),
    outcome: (each) => profile.outcome(each, source.canOpen(pkg, each) ? model : probedGraph),
  };
  const openOn = async (executionProvider: ExecutionProvider): Promise<OpenedDecoder> => {
    const group = { model, executionProvider, threads };
    const { groupTokens } = profile.group(group) ?? {};
    const decoder = await source.open(pkg, executionProvider, { variant, threads, groupTokens });
    return { decoder, executionProvider, facts, group };
  };
  const { executionProvider } = chooseProvider(facts);
  if (executionProvider === 'cpu') return openOn('cpu');
  profile.beginFirstUse(executionProvider, model);
  try {
    return await openOn(executionProvider);
  } catch (error) {
    profile.endFirstUse();
    // A package that is damaged is so on the CPU too, and is no fault of the provider's.
    const isPackage = AnchorageError.is(error, 'fileAltered') || AnchorageError.is(error, 'fileUnreadable');
    if (!isPackage) profile.noteOutcome(executionProvider, model, { kind: 'failed', problem: messageOf(error) });
    return openOn('cpu');
  }
}

async function builtProviders(): Promise<readonly string[]> {
  const { listSupportedBackends } = await loadOnnxRuntime();
  return listSupportedBackends().map(({ name }) => name);
}
