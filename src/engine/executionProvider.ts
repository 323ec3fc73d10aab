import type { ExecutionProvider } from '../protocol/executionProvider.ts';

export type DeviceProvider = Exclude<ExecutionProvider, 'cpu'>;

/**
 * Those whose buffers onnxruntime's Node binding (1.30) hands out, so that keys and values can stay on the device: WebGPU alone, on
 * Direct3D 12, Metal and Vulkan. The others would run by the same code if it handed out theirs.
 */
export const providersWithBuffers: ReadonlySet<ExecutionProvider> = new Set(['webgpu']);
