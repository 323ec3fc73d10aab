/** Where a decoder can run, in the order in which they are wanted. Those but the CPU keep keys and values on a device. */
export const executionProviders = ['cuda', 'dml', 'coreml', 'webgpu', 'cpu'] as const;
export type ExecutionProvider = (typeof executionProviders)[number];

/** What a user asks for: one of them, or the best that works on the machine. */
export const wantedProviders = ['auto', 'cpu', 'webgpu', 'cuda', 'dml', 'coreml'] as const satisfies readonly (
  ExecutionProvider | 'auto'
)[];
