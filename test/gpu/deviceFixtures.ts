import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AnchorContext } from '../../src/engine/anchorContext.ts';
import type { ContextOptions } from '../../src/engine/contextOptions.ts';
import { Decoder, type DecoderOptions } from '../../src/engine/decoder.ts';
import type { ModelPackage } from '../../src/engine/modelPackage.ts';
import { buildTinyPackage } from '../unit/engine/tinyDecoder.ts';
import { tinyModel, type TinyRules } from '../unit/engine/tinyModel.ts';

/** Both sides compute in fp32; they add up in another order. */
export const tolerance = 1e-4;

/** Mesa's driver gives wrong attention for 32 tokens and more: its subgroups are smaller than the shader expects. */
export const largestGroup = 16;

const root = mkdtempSync(join(tmpdir(), 'gpu-'));
process.once('exit', () => rmSync(root, { recursive: true, force: true }));
let packages = 0;

export async function tinyPackage(rules: TinyRules = {}): Promise<ModelPackage> {
  return (await buildTinyPackage(tinyModel(rules), join(root, `${packages++}`))).package;
}

export function openOnDevice(pkg: ModelPackage, options: Partial<DecoderOptions> = {}): Promise<Decoder> {
  return Decoder.create(pkg, {
    variant: 'fp32',
    threads: 1,
    groupTokens: largestGroup,
    executionProvider: 'webgpu',
    ...options,
  });
}

/** The same decoder on the device and on the CPU. */
export interface Pair {
  readonly device: Decoder;
  readonly cpu: Decoder;
  /** A context on each. */
  contexts(options: ContextOptions): readonly [AnchorContext, AnchorContext];
  dispose(): Promise<void>;
}

export async function openPair(pkg: ModelPackage, options: Partial<DecoderOptions> = {}): Promise<Pair> {
  const device = await openOnDevice(pkg, options);
  const cpu = await openOnDevice(pkg, { ...options, executionProvider: 'cpu' });
  return {
    device,
    cpu,
    contexts: (given) => [new AnchorContext(device, given), new AnchorContext(cpu, given)],
    async dispose() {
      await device.dispose();
      await cpu.dispose();
    },
  };
}

/** Logits [tokens][vocabulary] are equal up to rounding. */
export function assertSame(found: readonly Float32Array[], expected: readonly Float32Array[]): void {
  assert.ok(found.length > 0);
  assert.equal(found.length, expected.length);
  found.forEach((row, i) => {
    const difference = row.reduce((most, x, j) => Math.max(most, Math.abs(x - (expected[i]?.[j] ?? NaN))), 0);
    assert.ok(difference <= tolerance, `logits of token ${i} differ by ${difference}`);
  });
}
