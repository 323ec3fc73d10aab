import { randomInt } from 'node:crypto';
import type { Question } from '../assistant.ts';
import type { Settings } from '../settings.ts';

/** Small models fall into repeating a phrase when the likeliest token is always taken; this keeps most of them out of it. */
const repetitionPenalty = 1.1;

/** How an answer is drawn, from the settings. */
export function samplingOf(settings: Settings): Question['sampling'] {
  return { temperature: settings['chat.temperature'], maxTokens: settings['answer.maxTokens'], repetitionPenalty };
}

/** As free as an answer must at least be drawn to differ from the one before, and still make sense. */
const anotherTemperature = 0.7;

/** How an answer is drawn in place of a whole one: the likeliest tokens, or the same seed, would give that one again word for word. */
export function anotherSamplingOf(settings: Settings): Question['sampling'] {
  const sampling = samplingOf(settings);
  return {
    ...sampling,
    temperature: Math.max(settings['chat.temperature'], anotherTemperature),
    topP: 0.95,
    seed: randomInt(2 ** 31),
  };
}
