import * as vscode from 'vscode';

/** Whole lines are selected up to the start of the next one, of which nothing is meant. */
export function withoutEmptyLastLine(document: vscode.TextDocument, range: vscode.Range): vscode.Range {
  const { start, end } = range;
  if (range.isSingleLine || end.character > 0) {
    return range;
  }
  return new vscode.Range(start, document.lineAt(end.line - 1).range.end);
}

/** Lines of a text, one at least. A line feed at the end begins none. */
export function lineCount(text: string): number {
  return Math.max(1, text.replace(/\n$/, '').split('\n').length);
}
