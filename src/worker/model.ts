import { AnchorContext } from '../engine/anchorContext.ts';
import { suggestedGroupTokens } from '../engine/groupTokens.ts';
import { readKept, type KeptReading } from '../engine/keptReading.ts';
import { loadPackage } from '../engine/modelPackage.ts';
import { scoredBy, ScoringPass } from '../engine/scoringPass.ts';
import { scoreText, type TextScore } from '../engine/scoreText.ts';
import { AnchorKeys } from '../memory/anchorKey.ts';
import { KvBudget } from '../memory/kvBudget.ts';
import { storeCacheBytes } from '../memory/openDatabase.ts';
import type { SealDefaults } from '../memory/sequencePlacer.ts';
import type { SequenceText } from '../memory/sessionSequence.ts';
import type { DecoderContext } from '../memory/decoderContext.ts';
import type { z } from 'zod';
import type { BatchPinned } from '../protocol/batch.ts';
import { AnchorageError } from '../protocol/errors.ts';
import type { loadModelRequest, ModelInfo } from '../protocol/worker.ts';
import { Calibration, type ModelCalibration } from './calibration.ts';
import { chooseDecoderGroupSize } from './groupSizeChoice.ts';
import { machineIdentity } from './machineIdentity.ts';
import { MachineProfile } from './machineProfile.ts';
import { engineDecoders, openDecoder } from './openDecoder.ts';
import { probeInChild } from './probeChild.ts';

export type LoadParams = z.output<typeof loadModelRequest.params>;

/** A context that batch rows are run in, one after another. */
export interface BatchContext {
  readonly context: DecoderContext;
  /** What each of the context's sequences was read from, for rows that need not read it again. */
  held: readonly string[];
  /** Reads texts whole and keeps as many of their rows as anchors would be. */
  readKept(texts: readonly (readonly number[])[], how: KeptReading): Promise<void>;
  /** Reads tokens into the live exchange and sums up their log-probabilities. */
  score(tokens: readonly number[], signal: AbortSignal): Promise<TextScore>;
  /** As `score`, and leaves the live exchange as it was. */
  scoreAside(tokens: readonly number[], signal: AbortSignal): Promise<TextScore>;
}

/** What the worker needs of a loaded model; tests put a scripted one in its place. */
export interface Model {
  /** As it is now: the reason for its execution provider changes with what `calibration` finds. */
  readonly info: ModelInfo;
  readonly calibration: ModelCalibration;
  readonly defaults: SealDefaults;
  /** Longest sequence in tokens. */
  readonly maxSequenceTokens: number;
  /** Bytes that the keys/values of all its sessions share. */
  readonly budget: KvBudget;
  /** Rows of keys/values that one session can hold at most: by the window, and by the budget. */
  readonly capacity: number;
  /** Whether taking a sequence out of a context makes room for others. */
  readonly canSpill: boolean;
  /** Rows that sealing a sequence takes beside the anchors. */
  readonly workRows: number;
  /** Most tokens that are read again for one answer. */
  readonly rereadTokens: number;
  /** Rows beyond which a session rests what no late exchange needed. */
  readonly heldRows: number;
  /** Tokens of a question that are markup before its words. */
  readonly questionHead: number;
  readonly keys: AnchorKeys;
  /** Positions of the window that a sealed text of so many tokens takes. */
  positionsOf(tokens: number): number;
  /** Tokens of a closed sequence. */
  encode(text: SequenceText): readonly number[];
  /** Tokens of a question up to where its answer begins. */
  encodeQuestion(question: string): readonly number[];
  /** Tokens of raw text; markup in it is not parsed. */
  encodeText(text: string): readonly number[];
  createContext(): DecoderContext;
  /** @param pinned the system prompt, by default, or nothing. */
  createBatchContext(pinned?: BatchPinned): BatchContext;
  dispose(): Promise<void>;
}

/** Share of the rows in the budget that the pass that chooses anchors may take. */
const mostScoring = 0.6;

/** An arena takes somewhat more than its rows while it grows. */
const arenaSlack = 1.1;

/** Rows without which nothing can be asked. */
const leastRows = 384;

/**
 * Loads a model by what is known of the machine; it tries no execution provider and measures nothing, which is left to the
 * model's `calibration`.
 *
 * @param workerPath the worker's script, which runs probes.
 * @throws AnchorageError as `loadPackage` and `Decoder.create` do.
 */
export async function loadEngineModel(
  params: LoadParams,
  workerPath: string,
  profile = new MachineProfile(null, machineIdentity('')),
  source = engineDecoders,
): Promise<Model> {
  const start = performance.now();
  const modelPackage = await loadPackage(params.packageFolder);
  const { decoder, executionProvider, facts, group } = await openDecoder(modelPackage, params, profile, source);
  const { anchors, config, layout, name } = modelPackage;
  const pinned = layout.pinned();
  const budget = new KvBudget(params.budgetMB * 1e6, storeCacheBytes);
  const scoring = new ScoringPass(decoder, pinned, budget);
  const encoded = new WeakMap<SequenceText, readonly number[]>();
  // The anchors of AC and EP are where they are: with nothing to choose, nothing is sealed again in idle time either.
  const isChosen = anchors.scheme === 'mark' || anchors.scheme === 'select';
  const kvBytesPerToken = decoder.createStorage().bytesPerRow;
  const rows = Math.floor(budget.available / kvBytesPerToken);
  const longest = anchors.max_sequence_tokens;
  const wantedChoice = params.choice ?? anchors.choice;
  const repeatedRows = scoredBy(wantedChoice) === 'repeating' ? longest + layout.repeatRequest().length : 0;
  const scoringRows = pinned.length + longest + repeatedRows;
  checkBudget(name, rows, kvBytesPerToken, params.budgetMB);
  const defaults: SealDefaults = {
    ratio: params.ratio ?? anchors.ratio,
    // Where the pass that chooses would leave no room for anchors, they are not chosen.
    choice: isChosen && scoringRows <= rows * mostScoring ? wantedChoice : 'stride',
    independentChunks: anchors.independent_chunks,
    ratios: [...new Set([...anchors.ratios, params.ratio ?? anchors.ratio])],
  };
  const calibration = new Calibration({
    profile,
    facts,
    executionProvider,
    group,
    groupTokens: decoder.groupTokens,
    probe: (each, signal) => {
      const { variant } = decoder;
      const groupTokens = suggestedGroupTokens(config, variant);
      const probed = { packageFolder: modelPackage.folder, variant, groupTokens };
      return probeInChild(each, { workerPath, signal, model: facts.canOpen(each) ? probed : undefined });
    },
    measure: (signal) => chooseDecoderGroupSize(decoder, budget, signal),
  });
  const loadMs = performance.now() - start;
  return {
    defaults,
    calibration,
    budget,
    capacity: Math.min(rows, config.max_position_embeddings),
    canSpill: anchors.positions === 'cache',
    workRows: Math.ceil((defaults.choice === 'stride' ? longest : scoringRows) * arenaSlack),
    rereadTokens: params.rereadTokens,
    heldRows: params.heldRows === 0 ? Infinity : params.heldRows,
    questionHead: commonHead(layout.live('a'), layout.live('1')),
    maxSequenceTokens: longest,
    keys: new AnchorKeys(`${modelPackage.fingerprint} ${decoder.variant}`, pinned),
    get info() {
      return {
        name,
        packageFolder: modelPackage.folder,
        variant: decoder.variant,
        executionProvider: decoder.executionProvider,
        executionProviderReason: afterLoss(decoder.deviceProblem) ?? calibration.reason,
        scheme: anchors.scheme,
        choice: defaults.choice,
        ratio: defaults.ratio,
        ratios: anchors.ratios,
        contextTokens: config.max_position_embeddings,
        kvBytesPerToken,
        loadMs,
      };
    },
    positionsOf: (tokens) => {
      const kept = Math.ceil(tokens / defaults.ratio);
      if (anchors.positions === 'cache') return kept;
      return tokens + (anchors.scheme === 'AC' ? kept : 0);
    },
    encode: (text) => {
      const known = encoded.get(text);
      if (known !== undefined) return known;
      const tokens =
        text.kind === 'chunk'
          ? layout.chunk(text.path, text.languageId, text.text)
          : layout.exchange(text.question, text.answer);
      encoded.set(text, tokens);
      return tokens;
    },
    encodeQuestion: (question) => layout.live(question),
    encodeText: (text) => modelPackage.tokenizer.encodeText(text),
    createBatchContext: (wanted = 'system') => {
      const options =
        wanted === 'system' ? { pinned, scoring } : { pinned: [], scoring: new ScoringPass(decoder, [], budget) };
      const context = new AnchorContext(decoder, options);
      return {
        context,
        held: [],
        readKept: (texts, how) => readKept(context, texts, how),
        score: (tokens, signal) => scoreText(context, tokens, signal),
        scoreAside: (tokens, signal) => context.aside(() => scoreText(context, tokens, signal)),
      };
    },
    createContext: () => new AnchorContext(decoder, { pinned, scoring, account: budget }),
    dispose: () => decoder.dispose(),
  };
}

/** Why a model that was on a device is on the CPU by now, if it is. */
function afterLoss(problem: AnchorageError | null): string | null {
  if (problem === null) return null;
  return `CPU until the worker is started again, because a device failed in use (${problem.message.replace(/\.$/, '')}); close other programs that use the GPU, or choose a smaller model.`;
}

/** Tokens that both begin with. */
function commonHead(one: readonly number[], other: readonly number[]): number {
  const differs = one.findIndex((id, index) => id !== other[index]);
  return differs < 0 ? one.length : differs;
}

function checkBudget(name: string, rows: number, bytesPerRow: number, budgetMB: number): void {
  if (rows >= leastRows) return;
  const least = Math.ceil((leastRows * bytesPerRow + storeCacheBytes) / 1e6);
  throw new AnchorageError(
    'invalidInput',
    `anchorage.memory.budgetMB: ${budgetMB} MB hold ${rows} rows of keys and values of ${name}; ${leastRows} are the least.`,
    `Set it to ${least} or more, or use a smaller model.`,
  );
}
