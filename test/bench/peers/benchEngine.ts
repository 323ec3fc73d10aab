/** An answer whose tokens are given, so that every engine does the same steps whatever it would have said itself. */
export interface TimedAnswer {
  /** From the question to the logits of its last token. */
  readonly firstTokenMs: number;
  /** Of every token of the answer that was read after that. */
  readonly stepMs: readonly number[];
  /** The likeliest token after the question, and after each of the answer's tokens. */
  readonly predicted: readonly number[];
}

/** An engine with one session, token ids in and token ids out. One call at a time. */
export interface BenchEngine {
  /** Takes what was said into what it holds, as it does between two turns. */
  hold(exchange: readonly number[]): Promise<void>;
  /** Reads a question over the session and then the answer's tokens one by one; afterwards only the session is held. */
  answer(question: readonly number[], answer: readonly number[]): Promise<TimedAnswer>;
  /** Keys and values of the session that are held, and what is reserved for them. */
  keysValues(): { readonly rows: number; readonly bytes: number; readonly reservedBytes: number };
  /** Writes what is held; null where the engine has no way to. */
  readonly save: ((path: string) => Promise<void>) | null;
}

/** Asks for the tokens' logits one after the other, and takes the time of each. */
export async function timedAnswer(
  question: readonly number[],
  answer: readonly number[],
  read: (tokens: readonly number[]) => Promise<number>,
): Promise<TimedAnswer> {
  const predicted: number[] = [];
  const timed = async (tokens: readonly number[]): Promise<number> => {
    const began = performance.now();
    predicted.push(await read(tokens));
    return performance.now() - began;
  };
  const firstTokenMs = await timed(question);
  const stepMs: number[] = [];
  for (const id of answer) stepMs.push(await timed([id]));
  return { firstTokenMs, stepMs, predicted };
}
