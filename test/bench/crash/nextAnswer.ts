import { exportSessionRequest, importSessionRequest } from '../../../src/protocol/worker.ts';
import { withBenchFolder } from '../benchFiles.ts';
import { BenchWorker, builtInLoad } from '../benchWorker.ts';

const question = 'What did I ask you about first, and what did you say?';
const maxTokens = 24;

export interface NextAnswer {
  readonly afterKills: string;
  readonly uninterrupted: string;
  readonly isSame: boolean;
  readonly rows: readonly [number, number];
}

/**
 * The answer (greedy) of the built-in model to one more question in a session whose worker was killed again and again,
 * and in one with the same exchanges that was read at one go, in a folder of its own. Both are asked once idle time has
 * sealed all: what an answer stands on while it is not done depends on when it comes.
 */
export async function nextAnswer(folder: string, sessionId: string): Promise<NextAnswer> {
  const killed = await asked(folder, async (worker) => {
    const { text } = await worker.client.request(exportSessionRequest, { sessionId, format: 'json' });
    return { id: sessionId, text };
  });
  const whole = await withBenchFolder((fresh) =>
    asked(fresh, async (worker) => {
      const { id } = await worker.client.request(importSessionRequest, { text: killed.text });
      return { id, text: killed.text };
    }),
  );
  return {
    afterKills: killed.answer,
    uninterrupted: whole.answer,
    isSame: killed.answer === whole.answer && killed.rows === whole.rows,
    rows: [killed.rows, whole.rows],
  };
}

async function asked(
  folder: string,
  sessionIn: (worker: BenchWorker) => Promise<{ readonly id: string; readonly text: string }>,
): Promise<{ readonly answer: string; readonly rows: number; readonly text: string }> {
  const worker = await BenchWorker.start(folder, builtInLoad);
  const { id, text } = await sessionIn(worker);
  await worker.afterIdle(id, () => worker.open(id));
  const { exchange } = await worker.ask(id, { question, maxTokens });
  await worker.client.shutdown();
  if (worker.problems.length > 0) throw new Error(worker.problems.join('\n'));
  return { answer: exchange.answer, rows: exchange.usage.kvRows, text };
}
