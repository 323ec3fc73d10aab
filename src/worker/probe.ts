import { AnchorageError, messageOf } from '../protocol/errors.ts';
import { loadOnnxRuntime } from '../engine/onnxRuntime.ts';

/** An ONNX model of one node, y = Add(x, x) on two floats (ir_version 8, opset 13): enough to start a device. */
const addGraph = 'CAg6OQoOCgF4CgF4EgF5IgNBZGQSBXByb2JlWg8KAXgSCgoICAESBAoCCAJiDwoBeRIKCggIARIECgIIAkICEA0=';

/** What the probing process prints as its last line. */
export type ProbeReport = { readonly works: true } | { readonly works: false; readonly problem: string };

/**
 * Tries an execution provider in this process, which a faulty driver may end: run it as a child. Prints its report and
 * ends the process.
 */
export async function runProbe(executionProvider: string): Promise<void> {
  const report = await tryProvider(executionProvider);
  // Written at once and followed by an exit: some drivers hang or crash when they are unloaded.
  process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit(0));
}

async function tryProvider(executionProvider: string): Promise<ProbeReport> {
  try {
    const { InferenceSession, Tensor } = await loadOnnxRuntime();
    const session = await InferenceSession.create(Buffer.from(addGraph, 'base64'), {
      executionProviders: [executionProvider],
      logSeverityLevel: 4,
    });
    const { y } = await session.run({ x: new Tensor('float32', Float32Array.of(1, 2), [2]) });
    const sum = y !== undefined && 'data' in y ? Array.from(y.data, Number) : [];
    if (sum[0] !== 2 || sum[1] !== 4) throw new AnchorageError('internal', `gave ${sum.join(', ')} in place of 2, 4`);
    return { works: true };
  } catch (error) {
    return { works: false, problem: messageOf(error) };
  }
}
