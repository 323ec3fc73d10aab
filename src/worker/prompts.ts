import type { Attachment, Task } from '../protocol/worker.ts';

/** The question as the model reads it: the user's words, or the task's where the user gave none. */
export function questionFor(task: Task, question: string, attachments: readonly Attachment[]): string {
  const words = question.trim();
  if (words !== '' || task === 'chat') return words;
  const isFile = attachments.some((attachment) => attachment.kind === 'file');
  const paths = [...new Set(attachments.map((attachment) => attachment.path))].join(', ');
  if (task === 'explain') {
    return isFile ? `Explain what the code in ${paths} does.` : 'Explain what this code does, step by step.';
  }
  if (attachments.length === 0) return 'Summarize our conversation so far in a few sentences.';
  return isFile
    ? `Summarize what ${paths} is for and what it contains.`
    : 'Summarize this code in two or three sentences.';
}

/** An attachment written out in front of a question, in the words that file chunks use, and with its lines. */
export function inlined(attachment: Attachment): string {
  const code = attachment.text.endsWith('\n') ? attachment.text.slice(0, -1) : attachment.text;
  const endLine = attachment.startLine + code.split('\n').length - 1;
  const header = `File: ${attachment.path}, lines ${attachment.startLine}-${endLine}`;
  return `${header}\n\`\`\`${attachment.languageId}\n${code}\n\`\`\`\n`;
}

/** What a session is called in lists: the first words of its first question, or what was done with which file. */
export function titleFor(task: Task, question: string, attachments: readonly Attachment[]): string {
  const words = question.replace(/\s+/g, ' ').trim();
  const path = attachments[0]?.path ?? '';
  const title = words !== '' ? words : `${task === 'explain' ? 'Explain' : 'Summarize'} ${path}`.trim();
  return title.length > 60 ? `${title.slice(0, 59).toWellFormed()}…` : title;
}
