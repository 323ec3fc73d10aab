/** Values of all 65,536 half-precision bit patterns: a table is several times faster than arithmetic on each. */
const halfValues = new Float32Array(65_536);
for (let bits = 0; bits < 65_536; bits++) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) halfValues[bits] = sign * fraction * 2 ** -24;
  else if (exponent === 31) halfValues[bits] = fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  else halfValues[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The value of an IEEE 754 half-precision bit pattern. */
export function halfToNumber(bits: number): number {
  return halfValues[bits & 0xffff] ?? 0;
}

/** Half precision, little-endian, to single precision. */
export function decodeHalf(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const values = new Float32Array(bytes.length >> 1);
  for (let i = 0; i < values.length; i++)
    values[i] = halfToNumber((bytes[2 * i] ?? 0) | ((bytes[2 * i + 1] ?? 0) << 8));
  return values;
}

/** bfloat16, little-endian, to single precision: the upper half of its bits. */
export function decodeBfloat16(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(bytes.length >> 1);
  for (let i = 0; i < bits.length; i++) bits[i] = ((bytes[2 * i] ?? 0) << 16) | ((bytes[2 * i + 1] ?? 0) << 24);
  return new Float32Array(bits.buffer);
}

/** Single precision, little-endian, in a buffer of its own (so that it is aligned). */
export function decodeSingle(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  return new Float32Array(bytes.slice().buffer);
}
