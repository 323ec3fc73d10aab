import tseslint from 'typescript-eslint';

/** Which of the folders in src a folder may import, besides itself. What is not named here may not be imported. */
const layers = {
  protocol: [],
  convert: ['protocol'],
  engine: ['protocol'],
  memory: ['engine', 'protocol'],
  worker: ['engine', 'convert', 'memory', 'protocol'],
  host: ['protocol'],
  webview: ['protocol'],
  cli: ['protocol', 'worker', 'convert'],
};
const folders = Object.keys(layers);

/** All imports between our folders are relative, so that a folder's name in a path is that folder. */
function importsOf(folder) {
  const barred = folders.filter((other) => other !== folder && !layers[folder].includes(other));
  const patterns = [
    {
      regex: `^(\\.\\./)+(${barred.join('|')})/`,
      message: `${folder} may import ${layers[folder].join(', ') || 'nothing'} of ours only.`,
    },
  ];
  if (folder === 'host')
    patterns[0].regex = `^(\\.\\./)+(${barred.filter((other) => other !== 'worker').join('|')})/|^(\\.\\./){2,}worker/`;
  if (folder === 'cli')
    patterns.push({ regex: '/worker/(?!client/)', message: "Of the worker, cli may import the client's side only." });
  const paths =
    folder === 'host' ? [] : [{ name: 'vscode', message: 'Only src/host and src/extension.ts know the editor.' }];
  return {
    files: [`src/${folder}/**/*.ts`],
    rules: { 'no-restricted-imports': ['error', { patterns, paths }] },
  };
}

/** src/host/worker alone starts the worker's process, by the client's side of it. */
function hostWorkerImports() {
  const regex = '^\\.\\./\\.\\./(convert|engine|memory|webview|cli|worker/(?!client/))';
  const message = "host/worker may import protocol and worker's client side of ours only.";
  return {
    files: ['src/host/worker/**/*.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: [{ regex, message }] }] },
  };
}

export default tseslint.config(
  { ignores: ['node_modules', 'dist', '.cache', '.venv', 'test/fixtures', '**/*.js', '**/*.cjs'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  tseslint.configs.strictTypeChecked,
  {
    files: ['**/*.ts', 'scripts/**/*.mjs'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: 'error',
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'no-restricted-syntax': ['error', { selector: 'ExportDefaultDeclaration', message: 'Export by name.' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      // A callback in one expression may return nothing.
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      // Namespaces group message types; the compiler's erasableSyntaxOnly bars those that hold values.
      '@typescript-eslint/no-namespace': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', destructuredArrayIgnorePattern: '^_' }],
      '@typescript-eslint/prefer-readonly': 'error',
      // A method of an asynchronous interface may have nothing to wait for.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    },
  },
  {
    // JSDoc casts are comments to the linter; tsc checks these files.
    files: ['scripts/**/*.mjs'],
    rules: { '@typescript-eslint/no-unsafe-assignment': 'off' },
  },
  {
    // The runner collects what describe and it return; chai-like expressions are not used.
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: ['describe', 'it', 'suite', 'test'] },
      ],
    },
  },
  { files: ['*.config.mjs'], extends: [tseslint.configs.disableTypeChecked], rules: { 'no-restricted-syntax': 'off' } },
  ...folders.map(importsOf),
  hostWorkerImports(),
);
