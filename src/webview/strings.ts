import type { AttachmentChip, ChatError } from '../protocol/webview.ts';
import type { RehydrationReason, SequenceState, SequenceView } from '../protocol/memory.ts';
import type { SessionFormat, StopReason } from '../protocol/worker.ts';
import { formatBytes, formatCount, formatFactor, formatPercent, formatSeconds } from './format.ts';

const tokens = (count: number): string => `${formatCount(count)} ${count === 1 ? 'token' : 'tokens'}`;
const sequences = (count: number): string => `${formatCount(count)} ${count === 1 ? 'sequence' : 'sequences'}`;
const rows = (count: number): string => `${formatCount(count)} ${count === 1 ? 'row' : 'rows'}`;

/** What people call the execution providers of onnxruntime. */
const providers: Readonly<Record<string, string>> = {
  cpu: 'CPU',
  cuda: 'CUDA',
  webgpu: 'WebGPU',
  dml: 'DirectML',
  coreml: 'Core ML',
};

/** Every text of the page, in one place. */
export const strings = {
  newChat: 'New chat',
  conversation: 'Conversation',
  exchange: (number: number) => `Exchange ${formatCount(number)}`,
  you: 'You',
  assistant: 'Anchorage',
  jumpToLatest: 'Jump to the latest',

  ask: 'Ask Anchorage',
  askPlaceholder: 'Ask a question',
  send: 'Send',
  stop: 'Stop',
  attach: 'Attach',
  attachSelection: 'Selection of the active editor',
  attachFile: 'File…',
  attachments: 'Attachments',
  removeAttachment: (chip: AttachmentChip) => `Remove ${chip.label}`,
  keys: 'Enter sends. Shift+Enter starts a new line. Escape stops.',
  notReady: 'The model is not ready. Your question stays in the input.',
  stillAnswering: 'Still answering. Press Escape to stop first.',

  newSession: 'New session',
  sessions: 'Sessions',
  closeSessions: 'Close',
  loadingSessions: 'Looking for sessions…',
  noSessions: 'No sessions yet. Each conversation is kept here, ready to go on without being read again.',
  untitledSession: 'Untitled session',
  sessionDetail: (exchanges: number, when: string) =>
    `${formatCount(exchanges)} ${exchanges === 1 ? 'exchange' : 'exchanges'}, ${when}`,
  currentSession: 'open now',
  searchSessions: 'Search sessions',
  searching: 'Searching…',
  found: (count: number) =>
    count === 0
      ? 'No session has all these words.'
      : `${formatCount(count)} ${count === 1 ? 'session' : 'sessions'} found`,
  importSession: 'Import a session',
  sessionActions: (title: string) => `Actions for ${title}`,
  renameSession: 'Rename',
  sessionTitle: 'Title of the session',
  exportSession: {
    markdown: 'Export as Markdown…',
    json: 'Export as JSON…',
  } satisfies Record<SessionFormat, string>,
  deleteSession: (title: string) => `Delete ${title}`,
  confirmDelete: 'Delete for good',
  keepSession: 'Keep',

  copy: 'Copy',
  copied: 'Copied',
  copyCode: 'Copy the code',
  copyAnswer: 'Copy the answer',
  insert: 'Insert',
  insertCode: 'Insert the code at the cursor',
  inserted: 'Inserted',
  codeBlock: (language: string) => (language === '' ? 'Code' : `${language} code`),
  plainCode: 'text',
  codeSpoken: (language: string, lines: number) =>
    `${language} code, ${formatCount(lines)} ${lines === 1 ? 'line' : 'lines'}.`.trimStart(),

  waiting: 'Waiting for the model',
  reading: (done: number, total: number) => `Reading ${formatCount(done)} of ${tokens(total)}`,
  readingUnknown: 'Reading',
  answering: 'Answering',
  answerFinished: (text: string) => `Answer: ${text}`,
  answerContinues: 'The answer goes on in the conversation.',
  usage: (answerTokens: number, milliseconds: number) => `${tokens(answerTokens)}, ${formatSeconds(milliseconds)}`,
  usageDetail: (kvRows: number, kvRowsFull: number, prefill: number, decode: number) =>
    `Answered over ${rows(kvRows)} of keys and values instead of ${formatCount(kvRowsFull)}. ` +
    `Reading took ${formatSeconds(prefill)}, writing ${formatSeconds(decode)}.`,
  stopReasons: {
    endOfText: null,
    stopString: null,
    maxTokens: 'Cut off at the length limit',
    contextFull: 'Cut off: the context is full',
    cancelled: 'Stopped',
  } satisfies Record<StopReason, string | null>,

  edit: 'Edit the question',
  editHint: 'Enter asks it anew in its place. Shift+Enter starts a new line. Escape cancels.',
  editKept: 'Read again with it:',
  saveEdit: 'Ask anew',
  cancelEdit: 'Cancel',
  regenerate: 'Answer again',
  version: (number: number, count: number) => `${formatCount(number)}/${formatCount(count)}`,
  versionSpoken: (number: number, count: number) => `Version ${formatCount(number)} of ${formatCount(count)}`,
  versionBefore: 'Version before',
  versionAfter: 'Version after',
  forgotten: 'Forgotten',

  reread: 'Read again:',
  rereadMore: (count: number) => ` and ${formatCount(count)} more`,
  rereadShares: 'shares ',
  rereadWhy: {
    attention: 'the question attends to it',
    followUp: 'the exchange before',
    user: 'as you asked',
  } satisfies Record<Exclude<RehydrationReason['kind'], 'words'>, string>,
  tokens,

  modelAbsent: 'No model',
  modelLoading: 'Loading the model',
  modelReady: (name: string, variant: string, provider: string) =>
    `${name} · ${variant} · ${providers[provider] ?? provider}`,
  modelFailed: 'The model could not be loaded',
  actions: {
    restartWorker: 'Restart',
    showLog: 'Show log',
    retry: 'Try again',
  } satisfies Record<NonNullable<ChatError['action']>, string>,

  memory: 'Memory of this session',
  memoryTokens: (textTokens: number, kvRows: number) => `${tokens(textTokens)} in ${rows(kvRows)}`,
  memoryBytes: (bytes: number, full: number) => `${formatBytes(bytes)} of ${formatBytes(full)}`,
  memorySpoken: (textTokens: number, kvRows: number, bytes: number, full: number) =>
    `${tokens(textTokens)} of text in ${rows(kvRows)}: ${formatBytes(bytes)} of the ${formatBytes(full)} that full caching would hold`,
  memoryDetail: {
    text: 'Text read',
    tokens,
    rows: 'Rows held',
    rowsOf: (held: number, full: number) => `${formatCount(held)} of ${formatCount(full)}`,
    bytes: 'Keys and values',
    full: 'With full caching',
    factor: 'Smaller by',
    factorValue: formatFactor,
    nothing: 'nothing held yet',
    spilled: 'On disk only',
    rehydrated: 'Read again',
    sequencesOf: (count: number, all: number) => `${formatCount(count)} of ${sequences(all)}`,
    budget: 'Budget, all sessions',
  },
  memoryBudget: (share: number) => `Budget: ${formatPercent(share)} taken`,
  memoryStates: (spilled: number, rehydrated: number) =>
    [
      spilled === 0 ? '' : `${formatCount(spilled)} on disk`,
      rehydrated === 0 ? '' : `${formatCount(rehydrated)} read again`,
    ]
      .filter((part) => part !== '')
      .join(', '),
  memoryBudgetSpoken: (used: number, budget: number) =>
    `All sessions together take ${formatBytes(used)} of the ${formatBytes(budget)} that they may take`,
  anchorMap: 'Anchor map: one tile for each sequence of this session',
  anchorMapKeys: 'Arrow keys walk the tiles, Enter opens what can be done with one.',
  states: {
    live: 'live, held whole',
    anchored: 'anchors only',
    spilled: 'on disk only',
    rehydrated: 'read again for this answer',
  } satisfies Record<SequenceState, string>,
  marks: {
    pinned: 'pinned: kept as it is',
    wanted: 'read again for the next question',
  },
  kinds: { prefix: 'Instructions', exchange: 'Exchange', chunk: 'File' } satisfies Record<SequenceView['kind'], string>,
  tileTitle: (view: SequenceView) => `${strings.kinds[view.kind]}: ${view.label}`,
  tileFacts: (view: SequenceView) =>
    [
      `${tokens(view.textTokens)} in ${rows(view.rows)}`,
      view.ratio > 1 ? `ratio ${formatCount(view.ratio)}` : '',
      strings.states[view.state],
      view.pinned ? strings.marks.pinned : '',
      view.isWanted ? strings.marks.wanted : '',
    ]
      .filter((part) => part !== '')
      .join(' · '),
  loadingText: 'Fetching its text…',
  noText: 'Its text is not to be had.',
  sequenceText: (label: string) => `Text of ${label}`,
  sequenceMenu: {
    showText: 'Show its text',
    pin: 'Pin: keep it as it is',
    unpin: 'Unpin',
    readAgain: 'Read again for the next question',
    doNotReadAgain: 'Do not read again',
    goTo: 'Go to the exchange',
    forget: 'Forget…',
  },
  forgetQuestion: (label: string) => `Forget “${label}”?`,
  forgetWarning: {
    exchange: 'The question, the answer and their anchors are removed for good, on disk too. This cannot be undone.',
    chunk:
      'This part of the file and its anchors are removed from the session for good, on disk too. This cannot be undone.',
  },
  confirmForget: 'Forget for good',
  keepSequence: 'Keep',

  emptyTitle: 'Ask about your code',
  emptyText:
    'A small model on this computer answers; nothing leaves it. Each finished exchange and each file is kept as a few anchors, ' +
    'so it is never read again and a long conversation stays as quick as a short one.',
  emptyHint: 'Attach a selection or a file with the paperclip, or try:',
  suggestions: [
    'What is the difference between a list and a tuple in Python?',
    'Write a JavaScript function that reverses a string.',
    'Explain what a hash map is, with an example.',
  ],
} as const;
