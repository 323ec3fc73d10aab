import { fromFloat16, toFloat16 } from './float16.ts';

/** How the numbers of cached rows are kept: half precision takes half the memory, and half the time to read. */
export type KvPrecision = 'float32' | 'float16';

/** Single-precision numbers, or the bits of half-precision ones. */
export type KvNumbers = Float32Array | Uint16Array;

export function kvNumbers(precision: KvPrecision, length: number): KvNumbers {
  return precision === 'float32' ? new Float32Array(length) : new Uint16Array(length);
}

/** Writes numbers from `from` into `into`, `at` numbers from its start; they are rounded where they have to be. */
export function setNumbers(into: KvNumbers, from: KvNumbers, at: number): void {
  if (into instanceof Uint16Array) into.set(from instanceof Uint16Array ? from : toFloat16(from), at);
  else into.set(from instanceof Uint16Array ? fromFloat16(from) : from, at);
}

/** The numbers in single precision: a view where they are. */
export function singles(numbers: KvNumbers): Float32Array {
  return numbers instanceof Uint16Array ? fromFloat16(numbers) : numbers;
}
