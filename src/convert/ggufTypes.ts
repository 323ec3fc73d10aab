/** How a GGUF tensor type packs its values: `values` per block, and the `bytes` of a block. */
export interface BlockLayout {
  readonly values: number;
  readonly bytes: number;
}

/** Tensor types that the converter can dequantise. Layouts: ggml's `ggml-common.h`, block structures. */
export const blockLayouts = {
  F32: { values: 1, bytes: 4 },
  F16: { values: 1, bytes: 2 },
  BF16: { values: 1, bytes: 2 },
  Q4_0: { values: 32, bytes: 18 },
  Q4_1: { values: 32, bytes: 20 },
  Q5_0: { values: 32, bytes: 22 },
  Q5_1: { values: 32, bytes: 24 },
  Q8_0: { values: 32, bytes: 34 },
  Q2_K: { values: 256, bytes: 84 },
  Q3_K: { values: 256, bytes: 110 },
  Q4_K: { values: 256, bytes: 144 },
  Q5_K: { values: 256, bytes: 176 },
  Q6_K: { values: 256, bytes: 210 },
} as const satisfies Record<string, BlockLayout>;

export type TensorType = keyof typeof blockLayouts;

/** Numbers of the tensor types in a GGUF file (`enum ggml_type`). */
export const tensorTypeNumbers: ReadonlyMap<number, TensorType> = new Map([
  [0, 'F32'],
  [1, 'F16'],
  [2, 'Q4_0'],
  [3, 'Q4_1'],
  [6, 'Q5_0'],
  [7, 'Q5_1'],
  [8, 'Q8_0'],
  [10, 'Q2_K'],
  [11, 'Q3_K'],
  [12, 'Q4_K'],
  [13, 'Q5_K'],
  [14, 'Q6_K'],
  [30, 'BF16'],
]);

/** Bytes that `values` values of a type take; `values` must be a multiple of the block. */
export function bytesOf(type: TensorType, values: number): number {
  const layout: BlockLayout = blockLayouts[type];
  return (values / layout.values) * layout.bytes;
}
