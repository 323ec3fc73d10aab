import { Random } from '../../src/engine/random.ts';

/** `tell`: something new is said, and nothing earlier is needed. `ask`: a note from before is asked for, and read again. */
export type FlatKind = 'tell' | 'ask';

export interface FlatTurn {
  readonly kind: FlatKind;
  readonly question: string;
  /** Of `ask`: how many turns ago the note was said. */
  readonly ago: number | null;
}

const colours =
  'amber azure coral crimson ebony indigo ivory jade lilac maroon ochre olive pearl ruby sable teal'.split(' ');
const animals = 'otter heron badger lynx falcon marten beaver osprey weasel magpie gecko tapir bison ibis'.split(' ');

/** Every so many turns a note is asked for. */
const askEvery = 3;

/**
 * Turns that are as much work at the end of a session as at its beginning: notes of about the same number of tokens, each
 * under a name of its own, and questions for one of them, each asked for once, from anywhere in the session. The name
 * alone tells which, so the same is read for every turn of a kind; what is left to differ is the length of the session.
 *
 * @param texts that the notes are made of, in turn.
 * @param tokens of a note.
 * @param count of a text's tokens.
 */
export function flatTurns(
  turns: number,
  texts: readonly string[],
  {
    tokens,
    count,
    seed = 1,
  }: { readonly tokens: number; readonly count: (text: string) => number; readonly seed?: number },
): FlatTurn[] {
  const random = new Random(seed);
  const notes = notesOf(texts, tokens, count);
  const open: { readonly at: number; readonly name: string }[] = [];
  let told = 0;
  return Array.from({ length: turns }, (_, at) => {
    const index = random.integer(0, open.length - 1);
    const [asked] = at % askEvery === askEvery - 1 ? open.splice(index, 1) : [];
    if (asked !== undefined) {
      return { kind: 'ask', question: `What did I tell you about ${asked.name}?`, ago: at - asked.at };
    }
    const name = nameOf(told++);
    open.push({ at, name });
    const note = notes.next().value;
    return { kind: 'tell', question: `Here is a note about ${name}: ${note}\n\nWhat is it about?`, ago: null };
  });
}

/** `amber_otter_1`, `azure_heron_2`: no two are alike. */
function nameOf(index: number): string {
  return `${colours[index % colours.length] ?? ''}_${animals[index % animals.length] ?? ''}_${index + 1}`;
}

/** Pieces of the texts, at words, each of at least `tokens` tokens and few more; without end. */
function* notesOf(texts: readonly string[], tokens: number, count: (text: string) => number): Generator<string, never> {
  for (;;) {
    for (const text of texts) {
      let note = '';
      for (const word of text.split(/\s+/)) {
        note = note === '' ? word : `${note} ${word}`;
        // A long word, such as a URL, would make one note much longer than the others.
        if (count(note) > tokens * 1.2) note = '';
        else if (count(note) >= tokens) {
          yield note;
          note = '';
        }
      }
    }
  }
}
