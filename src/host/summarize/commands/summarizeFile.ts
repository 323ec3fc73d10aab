import type * as vscode from 'vscode';
import type { Command } from '../../commandManager.ts';
import type { Configuration } from '../../configuration.ts';
import { requireActiveFile, urisOfMenu } from '../../editor/activeEditor.ts';
import { readFile } from '../../editor/textSource.ts';
import type { Summarizer } from '../summarizer.ts';

/** Summarizes the files that a menu was opened on, one after the other, else the active editor's. Resolves to the addresses. */
export class SummarizeFileCommand implements Command {
  readonly id = 'anchorage.summarize.file';
  readonly #summarizer: Summarizer;
  readonly #configuration: Configuration;

  constructor(summarizer: Summarizer, configuration: Configuration) {
    this.#summarizer = summarizer;
    this.#configuration = configuration;
  }

  async execute(...args: readonly unknown[]): Promise<readonly vscode.Uri[]> {
    const given = urisOfMenu(args);
    const uris = given.length > 0 ? given : [requireActiveFile()];
    const summaries: vscode.Uri[] = [];
    for (const uri of uris) {
      const source = await readFile(uri, this.#configuration.settings['files.maxSize']);
      summaries.push(await this.#summarizer.summarize(source));
    }
    return summaries;
  }
}
