import type * as vscode from 'vscode';
import type { Command } from '../../commandManager.ts';
import type { Configuration } from '../../configuration.ts';
import { requireActiveFile, urisOfMenu } from '../../editor/activeEditor.ts';
import { readFiles } from '../../editor/readFiles.ts';
import type { Summarizer } from '../summarizer.ts';

/**
 * Summarizes the files that a menu was opened on, one after the other, else the active editor's. A summary that is cancelled
 * ends it. Resolves to the addresses.
 */
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
    const { read, problem } = await readFiles(uris, this.#configuration.settings['files.maxSize']);
    for (const source of read) {
      const { uri, isStopped } = await this.#summarizer.summarize(source);
      summaries.push(uri);
      if (isStopped) {
        return summaries;
      }
    }
    if (problem !== null) {
      throw problem;
    }
    return summaries;
  }
}
