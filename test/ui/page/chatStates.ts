/** States of the chat page as the host would send them. */
import type { MemoryView, SequenceState } from '../../../src/protocol/memory.ts';
import type { ChatState, RunningAnswer } from '../../../src/protocol/webview.ts';
import type { Exchange } from '../../../src/protocol/worker.ts';

const bytesPerRow = 23_040;
const unmarked = { pinned: false, isWanted: false };

export function chatState(changes: Partial<ChatState> = {}): ChatState {
  return {
    sessionId: 'session-1',
    title: '',
    exchanges: [],
    running: null,
    attachments: [],
    memory: null,
    model: {
      state: 'ready',
      name: 'SmolLM2-135M',
      variant: 'int4',
      executionProvider: 'cpu',
      reason: 'No GPU was found.',
    },
    error: null,
    ...changes,
  };
}

export function exchange(id: string, question: string, answer: string, changes: Partial<Exchange> = {}): Exchange {
  return {
    id,
    question,
    answer,
    attachments: [],
    stopReason: 'endOfText',
    usage: { promptTokens: 64, answerTokens: 86, kvRows: 151, kvRowsFull: 1204, prefillMs: 240, decodeMs: 3100 },
    rehydrated: [],
    siblings: [id],
    isForgotten: false,
    ...changes,
  };
}

export function running(changes: Partial<RunningAnswer> = {}): RunningAnswer {
  return {
    requestId: 'request-1',
    question: 'Why?',
    attachments: [],
    edits: null,
    text: '',
    stage: 'waiting',
    progress: null,
    ...changes,
  };
}

/** A session of one prefix, then sequences of 128 tokens each at ratio 8 in the given states. */
export function memoryOf(states: readonly SequenceState[]): MemoryView {
  const sequences: MemoryView['sequences'] = states.map((state, index) => {
    const rows = { live: 128, rehydrated: 144, anchored: 16, spilled: 0 }[state];
    const kind = index % 3 === 1 ? ('chunk' as const) : ('exchange' as const);
    const label =
      kind === 'chunk' ? `src/parser.ts:${index * 40 + 1}-${index * 40 + 40}` : `How does part ${index + 1} work?`;
    const bytes = rows * bytesPerRow;
    return {
      ...unmarked,
      id: `s${index + 1}`,
      kind,
      state,
      label,
      textTokens: 128,
      rows,
      ratio: state === 'live' ? 1 : 8,
      bytes,
    };
  });
  sequences.unshift({
    ...unmarked,
    id: 'prefix',
    kind: 'prefix',
    state: 'live',
    label: 'You are a helpful AI assistant',
    textTokens: 24,
    rows: 24,
    ratio: 1,
    bytes: 24 * bytesPerRow,
  });
  const textTokens = sequences.reduce((sum, sequence) => sum + sequence.textTokens, 0);
  const kvRows = sequences.reduce((sum, sequence) => sum + sequence.rows, 0);
  return {
    sessionId: 'session-1',
    textTokens,
    kvRows,
    kvRowsFull: textTokens,
    kvBytes: kvRows * bytesPerRow,
    kvBytesFull: textTokens * bytesPerRow,
    budgetUsed: 41_000_000,
    budget: 256_000_000,
    budgetLargest: 41_000_000,
    sequences,
  };
}

export const richAnswer = `A **closure** keeps the variables of the place where it was made. See \`counter\` in \`src/app.ts\`:

\`\`\`typescript
// Counts how often it was called.
export function counter(start = 0): () => number {
  let count = start;
  return () => {
    count += 1;
    console.log(\`called \${count} times, which is a rather long line of text\`);
    return count;
  };
}
\`\`\`

### What to remember

1. The inner function *closes over* \`count\`.
2. Each call of \`counter\` makes a new one:

   - so two counters never share a number,
   - and nobody else can change it.

> Memory is freed when the last closure goes.

| Language | Closures | Since |
|:---------|:--------:|------:|
| Python   | yes      | 2.2   |
| C        | no       |       |

\`\`\`python
def counter(start: int = 0):
    """Count calls."""
    count = start
    while True:
        yield count  # one more
        count += 1
\`\`\`

More at https://developer.mozilla.org/docs/Web/JavaScript/Closures.`;
