import type { Attachment, Exchange, SessionFormat } from '../protocol/worker.ts';
import { pairAttachments } from './forgetting.ts';
import { sessionFormat, sessionFormatVersion } from './sessionFormat.ts';
import type { ExportedSession } from './sessionFormat.ts';
import type { StoredSession } from './sessionStore.ts';
import { shownExchanges } from './sessionTree.ts';

/** The branch that is shown, as a document to read. */
export function exportMarkdown(session: StoredSession): string {
  const title = session.title === '' ? 'Session' : session.title;
  const exchanges = shownExchanges(session).map((exchange, index) => exchangeMarkdown(exchange, index + 1));
  return [`# ${escaped(oneLine(title))}`, ...exchanges].join('\n\n') + '\n';
}

/** The whole session with all branches, to be imported: `ExportedSession`. */
export function exportJson(
  session: StoredSession,
  attachmentsOf: (exchangeId: string) => readonly Attachment[],
): string {
  const { title, createdAt, updatedAt, headId } = session;
  const exchanges = session.exchanges.map(({ attachments, sequences, ...exchange }) => ({
    ...exchange,
    attachments: pairAttachments(attachments, attachmentsOf(exchange.id)).map(([named, attachment]) => ({
      ...named,
      text: attachment?.text ?? null,
      symbolLines: attachment?.symbolLines ?? [],
    })),
    sequences: sequences.map(({ id, text, tokens, independent, ratio, choice, pinned }) => {
      return { id, text, tokens, independent, ratio, choice, pinned };
    }),
  }));
  const exported: ExportedSession = {
    format: sessionFormat,
    version: sessionFormatVersion,
    session: { title, createdAt, updatedAt, headId, exchanges },
  };
  return JSON.stringify(exported, null, 2) + '\n';
}

const extensions = { markdown: 'md', json: 'json' } as const;
/** Windows takes them for devices, whatever their extension. */
const reserved = /^(con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$|clock\$)(\.|$)/i;
/** Bytes of a name without its extension; file systems take 255 with it. */
const mostNameBytes = 120;

/** A file name that every system takes, from a session's title. */
export function exportFileName(title: string, format: SessionFormat): string {
  const words = title
    .toWellFormed()
    .replace(/[\p{C}\p{Zl}\p{Zp}<>:"/\\|?*\uFFFD]+/gu, ' ')
    .replace(/\s+/g, ' ');
  let name = '';
  for (const character of words.replace(/^[\s.~-]+/, '')) {
    if (Buffer.byteLength(name + character) > mostNameBytes) break;
    name += character;
  }
  name = name.replace(/[\s.]+$/, '');
  if (name === '' || reserved.test(name)) name = `session ${name}`.trim();
  return `${name}.${extensions[format]}`;
}

function exchangeMarkdown({ question, answer, attachments, isForgotten }: Exchange, number: number): string {
  const names = attachments.map(({ path, startLine, lines }) => {
    return `- ${inlineCode(oneLine(path))}, lines ${startLine}-${startLine + lines - 1}`;
  });
  const said = isForgotten ? ['*Forgotten.*'] : [...(question === '' ? [] : [fenced(question)])];
  const answered = isForgotten || answer === '' ? [] : ['**Answer**', closed(answer)];
  return [`## ${number}`, ...said, ...(names.length > 0 ? [`Attached:\n\n${names.join('\n')}`] : []), ...answered].join(
    '\n\n',
  );
}

/** Text as it stands, in a fence that nothing in it ends. */
function fenced(text: string): string {
  const fence = '`'.repeat(Math.max(3, longestRun(text) + 1));
  return `${fence}text\n${text.replace(/\n+$/, '')}\n${fence}`;
}

function longestRun(text: string): number {
  return (text.match(/`+/g) ?? []).reduce((longest, run) => Math.max(longest, run.length), 0);
}

/** An answer that was stopped inside a code block must not take what follows into it. */
function closed(answer: string): string {
  let open: string | null = null;
  for (const line of answer.split('\n')) {
    const [, fence = '', rest = ''] = /^ {0,3}(`{3,}|~{3,})(.*)$/.exec(line) ?? [];
    if (fence === '') continue;
    if (open === null) {
      if (!(fence.startsWith('`') && rest.includes('`'))) open = fence;
    } else if (fence.startsWith(open) && rest.trim() === '') open = null;
  }
  const text = answer.replace(/\n+$/, '');
  return open === null ? text : `${text}\n${open}`;
}

function inlineCode(text: string): string {
  const ticks = '`'.repeat(longestRun(text) + 1);
  const space = text.startsWith('`') || text.endsWith('`') ? ' ' : '';
  return `${ticks}${space}${text}${space}${ticks}`;
}

function oneLine(text: string): string {
  return text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
}

function escaped(text: string): string {
  return text.replace(/[\\`*_[\]<>#&~|]/g, '\\$&');
}
