/**
 * What `node scripts/run.mjs TARGET` (and so every npm script) runs, and what it prepares first.
 * `dependencies` is always prepared; the names in `steps` are those of prepare.ts.
 *
 * @typedef {object} Target
 * @property {string} summary
 * @property {readonly string[]} steps
 * @property {string} script run on Node 24, relative to the repository's folder
 * @property {boolean} [inUsersFolder] whether it runs where the command was given, instead of where npm puts it
 */

/** @type {Readonly<Record<string, Target>>} */
export const targets = {
  start: {
    summary: 'open the editor with the extension on a sample workspace',
    steps: ['base', 'package', 'bundle'],
    script: 'scripts/start.ts',
  },
  test: { summary: 'run every test', steps: [], script: 'scripts/test.ts' },
  lint: { summary: 'ESLint, types and formatting', steps: [], script: 'scripts/lint.ts' },
  format: { summary: 'write the formatting that lint asks for', steps: [], script: 'scripts/format.ts' },
  bundle: {
    summary: 'bundle the extension, worker, CLI and chat page into dist',
    steps: [],
    script: 'scripts/bundle.ts',
  },
  package: { summary: 'make the VSIX', steps: ['base', 'package', 'bundle'], script: 'scripts/package.ts' },
  screenshots: {
    summary: "take the README's pictures",
    steps: ['base', 'package', 'bundle', 'vsix', 'codeServer', 'chromium'],
    script: 'scripts/screenshots.ts',
  },
  'test-desktop': {
    summary: 'run the host tests in a desktop VS Code',
    steps: ['base', 'package', 'bundle'],
    script: 'scripts/testDesktop.ts',
  },
  cli: {
    summary: 'ask, chat, explain, summarize, batch, convert, diagnose from the terminal',
    steps: ['base', 'package'],
    script: 'src/cli/main.ts',
    inUsersFolder: true,
  },
  parity: {
    summary: 'compare the reduced cache with one masked forward in PyTorch',
    steps: ['base', 'package', 'python'],
    script: 'test/bench/parity.ts',
  },
  'device-parity': {
    summary: 'compare the decoder on a GPU with the CPU',
    steps: ['base', 'package', 'mesa'],
    script: 'test/bench/deviceParity.ts',
  },
  bench: {
    summary: 'speed and memory: anchors, full caching, no caching, node-llama-cpp and transformers.js',
    steps: ['base', 'package'],
    script: 'test/bench/speed.ts',
  },
  profile: {
    summary: 'where a decode step and a prefill group spend their time',
    steps: ['base', 'package'],
    script: 'test/bench/profile.ts',
  },
  speculation: {
    summary: 'speculative decoding by prompt lookup: gain per kind of task, and whether the answers are the same',
    steps: ['base', 'package'],
    script: 'test/bench/speculation.ts',
  },
  anllm: {
    summary: "a checkpoint as wide as AnLLM's published ones, with random weights, against PyTorch",
    steps: ['python'],
    script: 'test/bench/anllm.ts',
  },
  perplexity: {
    summary: 'perplexity of every variant, with the adapter and without',
    steps: ['base', 'package'],
    script: 'test/bench/perplexity.ts',
  },
  recovery: {
    summary: 'how much of a conversation is still known from its anchors',
    steps: ['base', 'package'],
    script: 'test/bench/recovery.ts',
  },
  choices: {
    summary: 'what each way to choose anchors costs',
    steps: ['base', 'package'],
    script: 'test/bench/choices.ts',
  },
  evaluate: {
    summary: "the compressed memory against everything, nothing and controls: the paper's sets, memory, work on code",
    steps: ['base', 'package'],
    script: 'test/bench/evaluate/evaluate.ts',
  },
  session: {
    summary: 'a chat of 20 turns: rows held and time to the first token',
    steps: ['base', 'package'],
    script: 'test/bench/session.ts',
  },
  recall: {
    summary: 'exact recall over a long session, with what is read again and without',
    steps: ['base', 'package'],
    script: 'test/bench/recall.ts',
  },
  restore: {
    summary: 'a session of 32k tokens that was closed: time to the first token',
    steps: ['base', 'package'],
    script: 'test/bench/restore.ts',
  },
  soak: {
    summary: '1,000 turns inside a budget of 64 MB: whether it held, and how flat they are',
    steps: ['base', 'package'],
    script: 'test/bench/soak.ts',
  },
  flat: {
    summary: '500 turns that are all as much work: turn 500 against turn 5',
    steps: ['base', 'package'],
    script: 'test/bench/flat.ts',
  },
  crash: {
    summary: 'kill -9 and faults of the disk: whether anything acknowledged is lost',
    steps: ['base', 'package'],
    script: 'test/bench/crash.ts',
  },
  'file-edits': {
    summary: 'what of a file is read again after an edit of a line',
    steps: ['base', 'package'],
    script: 'test/bench/fileEdits.ts',
  },
  'compare-tokenizer': {
    summary: 'compare token ids with llama.cpp',
    steps: ['base', 'llama'],
    script: 'scripts/compareTokenizer.ts',
  },
};
