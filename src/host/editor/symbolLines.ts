import { setTimeout as delay } from 'node:timers/promises';
import * as vscode from 'vscode';

/** Nobody waits longer for a language server: where it has no answer, a text is cut at blank lines and by indentation. */
const timeoutMs = 500;

/** What a chunk of a text may well begin with. Fields and variables are too many, and cut functions in two. */
const kinds: ReadonlySet<vscode.SymbolKind> = new Set([
  vscode.SymbolKind.Module,
  vscode.SymbolKind.Namespace,
  vscode.SymbolKind.Package,
  vscode.SymbolKind.Class,
  vscode.SymbolKind.Interface,
  vscode.SymbolKind.Struct,
  vscode.SymbolKind.Enum,
  vscode.SymbolKind.Function,
  vscode.SymbolKind.Method,
  vscode.SymbolKind.Constructor,
  // Headings of Markdown.
  vscode.SymbolKind.String,
]);

/** The lines of a document's last version that was asked about: where it is read ahead and attached, it is cut alike. */
const known = new WeakMap<vscode.TextDocument, { readonly version: number; readonly lines: readonly number[] }>();

/** Lines, from 1 and ascending, at which a function, a type or a heading begins; none where no provider says so in time. */
export async function symbolLinesOf(document: vscode.TextDocument): Promise<readonly number[]> {
  const { version } = document;
  const before = known.get(document);
  if (before?.version === version) {
    return before.lines;
  }
  const symbols = await Promise.race([
    vscode.commands.executeCommand<readonly (vscode.DocumentSymbol | vscode.SymbolInformation)[] | undefined>(
      'vscode.executeDocumentSymbolProvider',
      document.uri,
    ),
    delay(timeoutMs, undefined, { ref: false }),
  ]).catch(() => undefined);
  const begins = new Set(beginsOf(symbols ?? []));
  const lines = [...begins].filter((line) => line < document.lineCount).sort((a, b) => a - b);
  const counted = lines.map((line) => line + 1);
  // A server that is still starting says that there is nothing: it is asked again.
  if (counted.length > 0 && document.version === version) {
    known.set(document, { version, lines: counted });
  }
  return document.version === version ? counted : [];
}

function beginsOf(symbols: readonly (vscode.DocumentSymbol | vscode.SymbolInformation)[]): number[] {
  return symbols.flatMap((symbol) => {
    const { start } = 'children' in symbol ? symbol.range : symbol.location.range;
    const children = 'children' in symbol ? beginsOf(symbol.children) : [];
    return kinds.has(symbol.kind) ? [start.line, ...children] : children;
  });
}
