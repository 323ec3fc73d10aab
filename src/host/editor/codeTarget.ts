import * as vscode from 'vscode';
import { setTimeout as delay } from 'node:timers/promises';
import { AnchorageError } from '../../protocol/errors.ts';
import { withoutEmptyLastLine } from './lines.ts';
import { displayPath } from './textSource.ts';

/** A language server that is still starting is not waited for longer. */
const symbolTimeoutMs = 2000;

const explainableKinds: ReadonlySet<vscode.SymbolKind> = new Set([
  vscode.SymbolKind.Function,
  vscode.SymbolKind.Method,
  vscode.SymbolKind.Constructor,
  vscode.SymbolKind.Class,
  vscode.SymbolKind.Interface,
  vscode.SymbolKind.Struct,
  vscode.SymbolKind.Enum,
]);

/** A piece of code and what to call it. */
export interface CodeTarget {
  readonly range: vscode.Range;
  readonly label: string;
}

/**
 * What "this code" means at a selection: the selection; where it is empty the innermost function or type around the
 * caret, else the caret's line. Fails with `invalidInput` on a blank line outside of any symbol.
 */
export async function codeTargetAt(document: vscode.TextDocument, selection: vscode.Range): Promise<CodeTarget> {
  if (!selection.isEmpty && document.getText(selection).trim() !== '') {
    const range = withoutEmptyLastLine(document, selection);
    return { range, label: linesLabel(range) };
  }
  const symbol = await enclosingSymbol(document, selection.start);
  if (symbol !== undefined) {
    return { range: symbol.range, label: symbol.name };
  }
  const line = document.lineAt(selection.start.line);
  if (!line.isEmptyOrWhitespace) {
    return { range: line.range, label: linesLabel(line.range) };
  }
  throw new AnchorageError(
    'invalidInput',
    vscode.l10n.t('There is no code at line {0} of {1}.', selection.start.line + 1, displayPath(document.uri)),
    vscode.l10n.t('Select some code, or put the caret into a function.'),
  );
}

function linesLabel(range: vscode.Range): string {
  return range.isSingleLine
    ? vscode.l10n.t('line {0}', range.start.line + 1)
    : vscode.l10n.t('lines {0}–{1}', range.start.line + 1, range.end.line + 1);
}

async function enclosingSymbol(
  document: vscode.TextDocument,
  position: vscode.Position,
): Promise<vscode.DocumentSymbol | undefined> {
  const symbols = await Promise.race([
    vscode.commands.executeCommand<readonly (vscode.DocumentSymbol | vscode.SymbolInformation)[] | undefined>(
      'vscode.executeDocumentSymbolProvider',
      document.uri,
    ),
    delay(symbolTimeoutMs, undefined, { ref: false }),
  ]);
  return innermost(
    (symbols ?? []).filter((symbol) => 'children' in symbol),
    position,
  );
}

function innermost(
  symbols: readonly vscode.DocumentSymbol[],
  position: vscode.Position,
): vscode.DocumentSymbol | undefined {
  for (const symbol of symbols) {
    if (symbol.range.contains(position)) {
      return innermost(symbol.children, position) ?? (explainableKinds.has(symbol.kind) ? symbol : undefined);
    }
  }
  return undefined;
}
