/** Where a decoder can run. Those but the CPU keep keys and values on a device. */
export const executionProviders = ['cpu', 'webgpu', 'cuda', 'dml', 'coreml'] as const;
export type ExecutionProvider = (typeof executionProviders)[number];
export type DeviceProvider = Exclude<ExecutionProvider, 'cpu'>;
