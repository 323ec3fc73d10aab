import type { Question } from '../assistant.ts';
import type { Settings } from '../settings.ts';

/** How an answer is drawn, from the settings. */
export function samplingOf(settings: Settings): Question['sampling'] {
  return { temperature: settings['chat.temperature'], maxTokens: settings['answer.maxTokens'] };
}
