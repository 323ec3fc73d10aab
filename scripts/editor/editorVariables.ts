/** The environment less what VS Code puts into its terminals: there, `code` and code-server would talk to that VS Code. */
export function withoutEditorVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(VSCODE|CODE_SERVER)_/.test(name)));
}
