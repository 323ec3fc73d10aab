import { Template } from '@huggingface/jinja';
import { z } from 'zod';
import { AnchorageError } from '../protocol/errors.ts';
import type { ModelTokenizer } from './tokenizer.ts';

const namedToken = z.union([z.string(), z.looseObject({ content: z.string() })]).nullish();

/** The part of `tokenizer_config.json` that lays out a chat. */
export const chatTemplateSchema = z.looseObject({
  chat_template: z.union([z.string(), z.array(z.object({ name: z.string(), template: z.string() }))]).nullish(),
  bos_token: namedToken,
  eos_token: namedToken,
});

export type ChatTemplate = z.infer<typeof chatTemplateSchema>;

/** For decoders that were never taught a chat format. */
const plainTemplate =
  "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}";

/** Stand for the texts while the template runs: private-use characters, which no template treats apart. */
const slots = { system: '\ue000\ue010\ue000', question: '\ue000\ue011\ue000', answer: '\ue000\ue012\ue000' } as const;
type Slot = keyof typeof slots;
type Message = { readonly role: 'system' | 'user' | 'assistant'; readonly content: string };

const REPEAT_REQUEST = 'Repeat the previous context exactly.';

/**
 * Lays text out as tokens, by the package's chat template.
 *
 * The template runs once, on stand-ins. What it writes round them is markup, whose added tokens are parsed; the texts
 * themselves never are. Text between two added tokens is tokenised in one go, as it was in training.
 */
export class PromptLayout {
  readonly #tokenizer: ModelTokenizer;
  readonly #prefix: string;
  readonly #prefixWithSystem: string | null;
  /** Markup of a question up to where its answer begins, and of what follows the answer. */
  readonly #question: string;
  readonly #answer: string;
  /** Added tokens that close an answer. */
  readonly endIds: readonly number[];

  /** @throws AnchorageError `unsupported`, or the template's own error. */
  constructor(tokenizer: ModelTokenizer, config: ChatTemplate) {
    this.#tokenizer = tokenizer;
    const render = renderer(config);
    const question: Message = { role: 'user', content: slots.question };
    const answer: Message = { role: 'assistant', content: slots.answer };
    const one = render([question, answer]);
    const exchange = added(one, render([question, answer, question, answer]));
    const asked = added(one, render([question, answer, question], true));
    if (exchange === null || asked === null || !exchange.includes(slots.answer) || !one.endsWith(exchange)) {
      throw new AnchorageError(
        'unsupported',
        'tokenizer_config.json: chat_template does not write a chat exchange by exchange, each after the one before.',
        'Use a model whose template appends to what it wrote before.',
      );
    }
    this.#prefix = one.slice(0, one.length - exchange.length);
    this.#question = exchange.startsWith(asked) ? asked : exchange.slice(0, exchange.indexOf(slots.answer));
    this.#answer = exchange.slice(this.#question.length);
    this.#prefixWithSystem = prefixWithSystem(render, exchange, question, answer);
    const closing = this.#answer.slice(this.#answer.indexOf(slots.answer) + slots.answer.length);
    this.endIds = tokenizer
      .splitMarkup(closing)
      .filter((part) => typeof part === 'number')
      .slice(0, 1);
  }

  /** The pinned prefix: the system prompt, or the template's own. */
  pinned(system?: string): number[] {
    if (system === undefined) return this.#encode(this.#prefix, {});
    if (this.#prefixWithSystem === null) {
      throw new AnchorageError('unsupported', "This model's chat template has no place for a system prompt.");
    }
    return this.#encode(this.#prefixWithSystem, { system });
  }

  /** A question, up to where its answer begins. */
  live(question: string): number[] {
    return this.#encode(this.#question, { question });
  }

  /** A question and its answer, closed. */
  exchange(question: string, answer: string): number[] {
    return [...this.live(question), ...this.#encode(this.#answer, { answer })];
  }

  /**
   * Lines of a file, as raw text. Nothing tells where in the file they stand: what is read depends on the path and the
   * lines alone, so that they need not be read again when others above them change.
   */
  chunk(path: string, languageId: string, text: string): number[] {
    const code = text.endsWith('\n') ? text.slice(0, -1) : text;
    return this.#tokenizer.encodeText(`File: ${path}\n\`\`\`${languageId}\n${code}\n\`\`\`\n`);
  }

  /** The request of the scoring pass, up to where the repetition begins. */
  repeatRequest(): number[] {
    return this.live(REPEAT_REQUEST);
  }

  #encode(markup: string, texts: Partial<Record<Slot, string>>): number[] {
    return this.#tokenizer.splitMarkup(markup).flatMap((part) => {
      if (typeof part === 'number') return [part];
      const filled = part.replace(/\ue000([\ue010-\ue012])\ue000/g, (slot) => {
        const name = (['system', 'question', 'answer'] as const).find((each) => slots[each] === slot);
        return (name && texts[name]) ?? '';
      });
      return this.#tokenizer.encodeText(filled);
    });
  }
}

type Render = (messages: readonly Message[], ask?: boolean) => string;

function renderer(config: ChatTemplate): Render {
  const { chat_template: named } = config;
  const source = Array.isArray(named) ? named.find((each) => each.name === 'default')?.template : named;
  const template = new Template(source ?? plainTemplate);
  const text = (token: ChatTemplate['bos_token']): string =>
    typeof token === 'string' ? token : (token?.content ?? '');
  const tokens = { bos_token: text(config.bos_token), eos_token: text(config.eos_token) };
  return (messages, ask = false) => template.render({ messages, add_generation_prompt: ask, ...tokens });
}

/** What `longer` adds to `shorter`; null when it does not begin with it. */
function added(shorter: string, longer: string): string | null {
  return longer.startsWith(shorter) && longer.length > shorter.length ? longer.slice(shorter.length) : null;
}

/** Null when the template refuses a system message, or mixes it into the first question. */
function prefixWithSystem(render: Render, exchange: string, question: Message, answer: Message): string | null {
  try {
    const whole = render([{ role: 'system', content: slots.system }, question, answer]);
    const prefix = whole.slice(0, whole.length - exchange.length);
    return whole.endsWith(exchange) && prefix.includes(slots.system) ? prefix : null;
  } catch {
    return null;
  }
}
