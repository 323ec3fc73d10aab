import type { Question } from '../assistant.ts';
import type { Settings } from '../settings.ts';

/** Small models fall into repeating a phrase when the likeliest token is always taken; this keeps most of them out of it. */
const repetitionPenalty = 1.1;

/** How an answer is drawn, from the settings. */
export function samplingOf(settings: Settings): Question['sampling'] {
  return { temperature: settings['chat.temperature'], maxTokens: settings['answer.maxTokens'], repetitionPenalty };
}
