import { Random } from '../../src/engine/random.ts';

/** Something that was said once, and a question that only it answers. */
export interface Fact {
  readonly kind: 'number' | 'identifier' | 'pair';
  readonly said: string;
  readonly reply: string;
  readonly question: string;
  /** The same in words that share little but names with what was said. */
  readonly inOtherWords: string;
  /** What an answer has to contain, letter by letter. */
  readonly expected: string;
}

const services =
  'billing ledger gateway mailer search catalog inventory checkout identity metrics shipping archive'.split(' ');
const places = 'staging production preview nightly canary'.split(' ');
const things = 'port timeout buffer quota batch retry'.split(' ');
const units: Readonly<Record<string, string>> = {
  port: 'port number',
  timeout: 'timeout in milliseconds',
  buffer: 'buffer size in bytes',
  quota: 'daily quota',
  batch: 'batch size',
  retry: 'retry delay in milliseconds',
};
const verbs = 'parse merge flush resolve encode rotate hydrate collect prune verify'.split(' ');
const nouns = 'ledger cursor payload manifest segment header snapshot replica token schema'.split(' ');
const people = 'Ada Boris Chidi Dana Emeka Farah Goran Hana Igor Jamila Kenji Lucia Milan Noor Oskar Priya'.split(' ');
const pets = 'otter heron badger lynx falcon marten beaver osprey weasel magpie gecko tapir bison ibis'.split(' ');

/** `count` facts, each about something else, a third of each kind. */
export function facts(count: number, seed: number): Fact[] {
  const random = new Random(seed);
  const subjects = new Set<string>();
  const out: Fact[] = [];
  const makers = [numberFact, identifierFact, pairFact];
  while (out.length < count) {
    const make = makers[out.length % makers.length];
    const fact = make?.(random);
    if (fact === undefined || subjects.has(fact.question)) continue;
    subjects.add(fact.question);
    out.push(fact);
  }
  return out;
}

function numberFact(random: Random): Fact {
  const [service, place, thing] = [pick(random, services), pick(random, places), pick(random, things)];
  const unit = units[thing] ?? thing;
  const expected = String(1000 + Math.floor(random.next() * 89_000));
  return {
    kind: 'number',
    said: `Please note: the ${unit} of the ${service} service on ${place} is ${expected}.`,
    reply: `Noted. The ${unit} of the ${service} service on ${place} is ${expected}.`,
    question: `What is the ${unit} of the ${service} service on ${place}?`,
    inOtherWords: `Remind me, which value did I give you for ${place} ${service}, the ${thing} one?`,
    expected,
  };
}

function identifierFact(random: Random): Fact {
  const [verb, noun, service] = [pick(random, verbs), pick(random, nouns), pick(random, services)];
  const expected = `${pick(random, verbs)}_${pick(random, nouns)}_${String(Math.floor(random.next() * 90) + 10)}`;
  return {
    kind: 'identifier',
    said: `In the ${service} module the function that we call to ${verb} the ${noun} is \`${expected}\`.`,
    reply: `Understood: \`${expected}\` is the function to ${verb} the ${noun} in the ${service} module.`,
    question: `Which function do we call to ${verb} the ${noun} in the ${service} module?`,
    inOtherWords: `Remind me, how is that helper named in ${service} with which one can ${verb} a ${noun}?`,
    expected,
  };
}

function pairFact(random: Random): Fact {
  const [person, place] = [pick(random, people), pick(random, places)];
  const expected = pick(random, pets);
  const project = `${pick(random, nouns)} ${pick(random, verbs)}`;
  return {
    kind: 'pair',
    said: `The code name that ${person} chose for the ${project} project on ${place} is ${expected}.`,
    reply: `OK, ${person}'s code name for the ${project} project on ${place} is ${expected}.`,
    question: `Which code name did ${person} choose for the ${project} project on ${place}?`,
    inOtherWords: `Remind me, what does ${person} call the thing about ${project} (${place})?`,
    expected,
  };
}

function pick(random: Random, from: readonly string[]): string {
  return from[Math.floor(random.next() * from.length)] ?? '';
}
