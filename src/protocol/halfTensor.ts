import type * as onnxruntime from 'onnxruntime-node';
import { AnchorageError } from './errors.ts';

/**
 * A tensor of half-precision bits, for the engine and the converter's check alike.
 *
 * Where JavaScript has a `Float16Array`, onnxruntime's own constructor turns the bits into one, and its binding (1.30)
 * then finds no data in it. The binding reads the type and the bits apart, so a tensor of those bits needs another name
 * only.
 */
export function halfTensor(
  { Tensor }: Pick<typeof onnxruntime, 'Tensor'>,
  bits: Uint16Array,
  dims: readonly number[],
): onnxruntime.Tensor {
  return Object.defineProperty(new Tensor('uint16', bits, dims), 'type', { value: 'float16' });
}

/** The bits of a half-precision output, which is a `Float16Array` where JavaScript has one. */
export function halfBits(data: unknown): Uint16Array {
  if (ArrayBuffer.isView(data) && data.byteLength % Uint16Array.BYTES_PER_ELEMENT === 0) {
    return new Uint16Array(data.buffer, data.byteOffset, data.byteLength / Uint16Array.BYTES_PER_ELEMENT);
  }
  throw new AnchorageError('internal', 'The graph gave no numbers in half precision.');
}
