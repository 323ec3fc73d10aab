/** Words that say nothing of what a question is about. */
const common = new Set(
  (
    'a about after again all also am an and any are as at be because been before being but by can could did do does ' +
    'doing done down explain each file find for from function get give given had has have having he help her here how i ' +
    'if in into is it its just know let like line me mean more my need no not now of off on once one only or other our ' +
    'out over please said same say see she should show so some such summarize tell than that the their them then there ' +
    'these they this those through to too under up us use used very want was we were what when where which while who ' +
    'why will with would write you your earlier previous above answer question ok okay yes thanks thank code again'
  ).split(' '),
);

const word = /[\p{L}\p{N}_][\p{L}\p{N}_\p{M}]*/gu;

/** A word of a question, and whether it looks like the name of something. */
export interface QuestionWord {
  readonly text: string;
  readonly isName: boolean;
}

/** The words of a question that may tell which text it is about, each once, in their order. */
export function wordsOf(question: string): QuestionWord[] {
  const words = new Map<string, QuestionWord>();
  for (const [text] of question.matchAll(word)) {
    const key = text.toLowerCase();
    if (words.has(key) || common.has(key) || (text.length === 1 && !/\p{N}/u.test(text))) continue;
    words.set(key, { text, isName: looksLikeName(text) });
  }
  return [...words.values()];
}

function looksLikeName(text: string): boolean {
  return /[_\p{N}]|\p{Ll}\p{Lu}|^\p{Lu}{2}/u.test(text);
}
