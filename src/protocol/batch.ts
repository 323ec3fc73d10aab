import { z } from 'zod';
import { choices as anchorChoices } from './anchorConfig.ts';

/**
 * What happens to the chunks before the question is read: reduced to anchors, kept whole, left out, or read whole and
 * then cut down to as many rows as their anchors would be (`kept`).
 */
export const batchModes = ['anchors', 'full', 'none', 'kept'] as const;

/** Which rows of the chunks stay under `kept`; what each is after stands in src/engine/keptRows.ts. */
export const keptChoices = ['recent', 'separators', 'attention', 'random'] as const;
export type KeptChoice = (typeof keptChoices)[number];

/** What stands before the chunks: the system prompt, or nothing. */
export const batchPinned = ['system', 'none'] as const;
export type BatchPinned = (typeof batchPinned)[number];

/** A chunk: raw text of a document, or an earlier exchange of the conversation. */
export const batchChunkSchema = z.union([z.string(), z.object({ user: z.string(), assistant: z.string() })]);

/** One line of `batch`'s input. */
export const batchRowSchema = z
  .object({
    id: z.union([z.string(), z.number()]),
    chunks: z.array(batchChunkSchema).default([]),
    question: z.string().nullish(),
    /** Raw text read whole after the chunks, without chat markup, before `continuation` or `choices`. */
    prompt: z.string().min(1).optional(),
    /** Raw text that goes on from the chunks or the prompt, scored in place of a question and its answer. */
    continuation: z.string().min(1).optional(),
    /** Texts of which each is scored as what goes on from the question or the prompt; no answer is written. */
    choices: z.array(z.string().min(1)).min(1).optional(),
    pinned: z.enum(batchPinned).default('system'),
    mode: z.enum(batchModes).default('anchors'),
    ratio: z.int().min(1).max(1024).optional(),
    choice: z.enum(anchorChoices).optional(),
    keep: z.enum(keptChoices).optional(),
    /** Of `keep: random`, 0 by default: the same seed keeps the same rows. */
    seed: z.int().min(0).optional(),
    /** Read every chunk seeing only the pinned prefix. */
    independent: z.boolean().default(false),
    /** Put every chunk in place again from what the store would keep of it, before anything else is read. */
    storedAs: z.enum(['fp16', 'int8']).optional(),
    /**
     * Chunks that the row before left in the cache, read in the same way, are not read again: what is answered or scored
     * is the same, and `prefillMs` counts what was read.
     */
    reuse: z.boolean().default(false),
    maxTokens: z.int().min(0).max(8192).default(128),
    /** Read tokens ahead where the answer repeats a text; the answer is the same. */
    speculate: z.boolean().optional(),
    /** Text whose log-probability as the answer is wanted. */
    score: z.string().min(1).optional(),
  })
  .superRefine((row, context) => {
    for (const { path, message } of problems(row)) context.addIssue({ code: 'custom', path: [...path], message });
  });

/** Sum of natural-log probabilities of a choice's tokens, their count, and that of its characters (code points). */
export const choiceScoreSchema = z.object({
  logProb: z.number(),
  tokens: z.int().min(1),
  characters: z.int().min(1),
});

/** One line of `batch`'s output. Times in milliseconds; `kvRows` counted from the cache when the answer begins. */
export const batchResultSchema = z.object({
  id: z.union([z.string(), z.number()]),
  answer: z.string(),
  textTokens: z.int().min(0),
  kvRows: z.int().min(0),
  kvRowsFull: z.int().min(0),
  kvBytes: z.int().min(0),
  prefillMs: z.number().min(0),
  decodeMs: z.number().min(0),
  /** Sum of natural-log probabilities of the scored tokens, and their count. */
  scoreLogProb: z.number().optional(),
  scoreTokens: z.int().min(1).optional(),
  /** In the order of `choices`. */
  choiceScores: z.array(choiceScoreSchema).optional(),
});

export type ChoiceScore = z.infer<typeof choiceScoreSchema>;
export type BatchRow = z.infer<typeof batchRowSchema>;
export type BatchResult = z.infer<typeof batchResultSchema>;

/** The fields of a row that go with some of the others only. */
interface Fields {
  readonly question?: string | null | undefined;
  readonly prompt?: string | undefined;
  readonly continuation?: string | undefined;
  readonly choices?: readonly string[] | undefined;
  readonly score?: string | undefined;
  readonly mode: (typeof batchModes)[number];
  readonly keep?: KeptChoice | undefined;
  readonly seed?: number | undefined;
  readonly storedAs?: string | undefined;
}

interface Problem {
  readonly path: readonly string[];
  readonly message: string;
}

/** What is missing, or could only be ignored. */
function problems(row: Fields): Problem[] {
  const found: Problem[] = [];
  const check = (isProblem: boolean, field: string | null, message: string): void => {
    if (isProblem) found.push({ path: field === null ? [] : [field], message });
  };
  const { question, prompt, continuation, choices, score, mode, keep } = row;
  const asks = typeof question === 'string';
  const [hasPrompt, continues, chooses] = [prompt !== undefined, continuation !== undefined, choices !== undefined];
  if (hasPrompt) {
    check(asks, 'prompt', 'is raw text: it does not go with a question');
    check(!continues && !chooses, 'prompt', 'needs a continuation or choices to score after it');
  } else {
    check(asks === continues, null, chooses ? 'needs a question or a prompt before its choices' : oneOfBoth);
  }
  check(chooses && continues, 'choices', 'do not go with a continuation: it is scored itself');
  check(score !== undefined && continues, 'score', 'goes with a question: a continuation is scored itself');
  check(score !== undefined && chooses, 'score', 'does not go with choices: they are scored themselves');
  check(mode === 'kept' && keep === undefined, 'keep', `is needed with mode kept: ${keptChoices.join(', ')}`);
  check(mode !== 'kept' && keep !== undefined, 'keep', 'goes with mode kept');
  check(row.seed !== undefined && keep !== 'random', 'seed', 'goes with keep random');
  check(row.storedAs !== undefined && mode === 'kept', 'storedAs', 'does not go with mode kept');
  return found;
}

const oneOfBoth = 'needs either question or continuation';
