/** Larger than this, somebody should ask what got into the VSIX. In bytes. */
export const vsixBudget = 220e6;

/** What the VSIX may hold; anything else got in by mistake. Paths are relative to the extension's folder. */
const allowed: readonly RegExp[] = [
  /^(package\.json|package\.nls(\.[\w-]+)?\.json|README\.md|CHANGELOG\.md|LICENSE|THIRD_PARTY\.md|LIBRARY_LICENCES\.txt|\.vscodeignore)$/,
  /^(media|l10n|docs)\/[\w./-]+\.(svg|png|md|json)$/,
  /^dist\/(extension\.cjs|worker\.mjs|cli\.mjs)$/,
  /^dist\/webview\/[\w-]+\.(js|css)$/,
  /^dist\/node_modules\/onnxruntime-(node|common)\/package\.json$/,
  /^dist\/node_modules\/onnxruntime-(node|common)\/dist\/[\w./-]+\.(js|json)$/,
  /^dist\/node_modules\/onnxruntime-node\/bin\/napi-v6\/linux\/x64\/(libonnxruntime\.so\.1|onnxruntime_binding\.node)$/,
  /^model\/(config|tokenizer|tokenizer_config|generation_config|anchor_config|anchorage_package)\.json$/,
  /^model\/SHA256SUMS$/,
  /^model\/onnx\/(model_int8|scorer)\.onnx(_data)?$/,
  /^model\/onnx\/(model_gqa_int8|device_(allocate|keep|read|resize|scores|write))\.onnx$/,
];

/** Without these the extension does not work. */
const required: readonly string[] = [
  '.vscodeignore',
  'package.json',
  'package.nls.json',
  'README.md',
  'LICENSE',
  'LIBRARY_LICENCES.txt',
  'dist/extension.cjs',
  'dist/worker.mjs',
  'dist/webview/chat.js',
  'dist/webview/chat.css',
  'dist/node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime.so.1',
  'dist/node_modules/onnxruntime-node/bin/napi-v6/linux/x64/onnxruntime_binding.node',
  'model/anchorage_package.json',
  'model/onnx/model_int8.onnx_data',
  'model/onnx/model_gqa_int8.onnx',
  'model/onnx/scorer.onnx',
  'model/onnx/scorer.onnx_data',
];

/** What is wrong with a VSIX's list of files: one line for each file that is missing or should not be there. */
export function problemsWith(files: readonly string[]): readonly string[] {
  return [
    ...files.filter((file) => !allowed.some((pattern) => pattern.test(file))).map((file) => `unexpected: ${file}`),
    ...required.filter((file) => !files.includes(file)).map((file) => `missing: ${file}`),
  ];
}
