import { accessSync, constants, statfsSync } from 'node:fs';
import { freemem, totalmem } from 'node:os';
import { loadPackage } from '../engine/modelPackage.ts';
import { AnchorageError, messageOf } from '../protocol/errors.ts';
import type { Model } from './model.ts';

/** One thing that was looked at. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  /** What to do where it is not ok; else empty. */
  readonly remedy: string;
}

export interface DiagnoseOptions {
  readonly model: Model | null;
  /** Why there is no model, if loading one failed. */
  readonly loadError: unknown;
  readonly onnxruntime: string;
  readonly storageFolder: string | null;
  readonly storageWarning: string | null;
}

const gigabyte = 1e9;

/** Looks at everything that an answer stands on. */
export async function diagnose(options: DiagnoseOptions): Promise<Check[]> {
  const { model, onnxruntime } = options;
  return [
    nodeCheck(),
    {
      name: 'onnxruntime',
      ok: onnxruntime !== '',
      detail: onnxruntime || 'cannot be loaded',
      remedy: onnxruntime === '' ? 'Install the extension again.' : '',
    },
    await packageCheck(options),
    ...(model === null ? [] : [providerCheck(model), ...calibrationChecks(model)]),
    storageCheck(options),
    memoryCheck(),
    ...(model === null ? [] : [budgetCheck(model)]),
  ];
}

function nodeCheck(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const ok = major > 22 || (major === 22 && minor >= 13);
  const electron = process.versions['electron'];
  return {
    name: 'Node',
    ok,
    detail: `${process.version}${electron === undefined ? '' : ` in Electron ${electron}`} on ${process.platform}/${process.arch}`,
    remedy: ok ? '' : 'Use Node 22.13 or later: older ones cannot store sessions.',
  };
}

async function packageCheck({ model, loadError }: DiagnoseOptions): Promise<Check> {
  const name = 'Model package';
  if (model === null) {
    const remedy = AnchorageError.is(loadError) ? loadError.remedy : 'Load a model first.';
    return { name, ok: false, detail: loadError === null ? 'No model is loaded.' : messageOf(loadError), remedy };
  }
  const { packageFolder, variant, scheme, choice, ratio } = model.info;
  try {
    const { name: packageName, fingerprint } = await loadPackage(packageFolder, { graphs: 'hashes' });
    const detail = `${packageName} (${variant}, ${scheme}, 1 anchor for ${ratio} tokens by ${choice}), every SHA-256 right, ${fingerprint.slice(0, 12)}, ${packageFolder}`;
    return { name, ok: true, detail, remedy: '' };
  } catch (error) {
    return { name, ok: false, detail: messageOf(error), remedy: AnchorageError.is(error) ? error.remedy : '' };
  }
}

/** The model runs on the provider in use, so it works; why others do not is told, and is no fault. */
function providerCheck({ info }: Model): Check {
  return { name: 'Execution provider', ok: true, detail: info.executionProviderReason, remedy: '' };
}

/** Measurements, which are no faults either. */
function calibrationChecks({ calibration }: Model): Check[] {
  return calibration.lines.map((line) => ({ ...line, ok: true, remedy: '' }));
}

function storageCheck({ storageFolder, storageWarning }: DiagnoseOptions): Check {
  const name = 'Storage';
  if (storageFolder === null)
    return { name, ok: true, detail: 'Sessions are kept in memory, as was asked for.', remedy: '' };
  if (storageWarning !== null) return { name, ok: false, detail: storageWarning, remedy: '' };
  try {
    accessSync(storageFolder, constants.W_OK);
    const { bavail, bsize } = statfsSync(storageFolder);
    const free = (bavail * bsize) / gigabyte;
    const ok = free > 0.2;
    return {
      name,
      ok,
      detail: `${storageFolder}, ${free.toFixed(1)} GB free`,
      remedy: ok ? '' : 'Free some disk space.',
    };
  } catch (error) {
    return { name, ok: false, detail: messageOf(error), remedy: 'Make the folder writable.' };
  }
}

function memoryCheck(): Check {
  const free = freemem() / gigabyte;
  const ok = free > 0.5;
  const used = process.memoryUsage().rss / gigabyte;
  return {
    name: 'Memory',
    ok,
    detail: `${free.toFixed(1)} of ${(totalmem() / gigabyte).toFixed(1)} GB free, the worker uses ${used.toFixed(2)} GB`,
    remedy: ok ? '' : 'Close other programs.',
  };
}

/** Never more than the budget: what it says is how near it is. */
function budgetCheck({ budget, info }: Model): Check {
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);
  const rows = Math.floor(budget.limit / info.kvBytesPerToken);
  return {
    name: 'Memory budget',
    ok: true,
    detail: `${megabytes(budget.used)} of ${megabytes(budget.limit)} MB taken, ${megabytes(budget.largest)} at most since the model was loaded; all of it would hold ${rows} rows of keys and values`,
    remedy: '',
  };
}
