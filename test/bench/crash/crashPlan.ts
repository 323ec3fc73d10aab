import { Random } from '../../../src/engine/random.ts';

/** What the worker is at when it, or the process that started it, is killed. */
export const killMoments = ['starting', 'migrating', 'reading', 'streaming', 'writing', 'idle', 'spilling'] as const;
export type KillMoment = (typeof killMoments)[number];

export type CrashModel = 'fake' | 'real';

export interface CrashQuestion {
  readonly text: string;
  /** Text of an attached file; empty for none. */
  readonly attached: string;
  /** Whether it takes the place of an exchange that is there. */
  readonly edits: boolean;
  readonly maxTokens: number;
}

export interface Kill {
  readonly number: number;
  readonly model: CrashModel;
  readonly target: 'worker' | 'host';
  readonly moment: KillMoment;
  /** The process is killed when the last of them has come to the moment. */
  readonly questions: readonly CrashQuestion[];
  /** Of the answer's tokens, the one that is waited for (`streaming`). */
  readonly token: number;
  /** How long after the moment has begun, as a share of how long it lasts. */
  readonly delay: number;
}

const fakeTokens = 20;
const realTokens = 8;

/** Characters of a file that takes three quarters of the fake model's room, and of a small one. */
const spillingLength = 24_000;
const smallLength = 600;

/** Moments of the real model: it has room for all, and its own files are never old. */
const realMoments = killMoments.filter((moment) => moment !== 'migrating' && moment !== 'spilling');

/** `count` kills, of which `real` are of the built-in model's worker; those come last. Every moment in turn, of either process. */
export function killPlan(count: number, real: number, seed = 1): Kill[] {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, number): Kill => {
    const isReal = number >= count - real;
    const moments = isReal ? realMoments : killMoments;
    const moment = moments[number % moments.length] ?? 'idle';
    const maxTokens = isReal ? realTokens : fakeTokens;
    const asked = isReal ? 2 : random.integer(1, 3);
    const questions = Array.from({ length: asked }, (__, index) => {
      const isLast = index === asked - 1;
      const length = isLast && moment === 'spilling' ? spillingLength : random.next() < 0.25 ? smallLength : 0;
      return {
        text: questionText(random, number, index),
        attached: isReal ? '' : fileText(random, length),
        edits: random.next() < 0.15,
        maxTokens,
      };
    });
    return {
      number,
      model: isReal ? 'real' : 'fake',
      // The moments take turns as well: a pair of them is done before the process changes.
      target: Math.floor(number / moments.length) % 2 === 0 ? 'worker' : 'host',
      moment,
      questions: moment === 'migrating' || moment === 'starting' ? [] : questions,
      token: random.integer(1, maxTokens - 1),
      delay: random.next(),
    };
  });
}

function questionText(random: Random, kill: number, index: number): string {
  const subjects = ['the cache', 'a "quoted" name', 'ünïcödé 🦊', "the table's rows", 'a\nline break', 'x < y && z'];
  const subject = subjects[random.integer(0, subjects.length - 1)] ?? '';
  return `Question ${kill}.${index}: what about ${subject}, of which there are ${random.integer(2, 999)}?`;
}

function fileText(random: Random, length: number): string {
  let text = '';
  while (text.length < length) text += `const value${random.integer(0, 99_999)} = ${random.integer(0, 999)};\n`;
  return text;
}
