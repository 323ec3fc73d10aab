import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import { z } from 'zod';
import { packageFormatVersion, packageManifestSchema, type Variant } from '../protocol/packageManifest.ts';
import { AnchorageError } from '../protocol/errors.ts';
import { hashFile } from './hashFile.ts';
import { outputError } from './outputError.ts';

const manifestName = 'anchorage_package.json';
const sumsName = 'SHA256SUMS';
/** The manifest, with a hash of everything that the package was built from. */
const builtManifestSchema = packageManifestSchema.extend({ inputs_sha256: z.string() });
type BuiltManifest = z.infer<typeof builtManifestSchema>;

export interface PackageIdentity {
  readonly name: string;
  readonly createdBy: string;
  readonly variants: readonly Variant[];
  readonly inputsSha256: string;
}

/**
 * A package under construction: a hidden folder beside the final one, renamed into its place at the end.
 *
 * So whatever interrupts a conversion, no half-made package is ever in the final place; what a killed process left beside it is
 * removed by the next one.
 */
export class PackageFolder {
  readonly path: string;
  readonly #final: string;

  private constructor(path: string, final: string) {
    this.path = path;
    this.#final = final;
  }

  /** @throws AnchorageError `storageUnavailable` when the folder cannot be made; `invalidInput` when it is in use for something else. */
  static begin(final: string): PackageFolder {
    const occupied =
      existsSync(final) &&
      (!statSync(final).isDirectory() || (readdirSync(final).length > 0 && !existsSync(join(final, manifestName))));
    if (occupied) {
      throw new AnchorageError(
        'invalidInput',
        `${final} holds something that is not a package.`,
        'Choose a new or empty folder.',
      );
    }
    const path = join(dirname(final), partialName(final, process.pid));
    try {
      mkdirSync(dirname(final), { recursive: true });
      removeAbandoned(final);
      mkdirSync(join(path, 'onnx'), { recursive: true });
    } catch (error) {
      throw outputError(path, error);
    }
    return new PackageFolder(path, final);
  }

  writeJson(name: string, content: unknown): void {
    this.#write(name, `${JSON.stringify(content, null, 2)}\n`);
  }

  /** Writes the manifest and the checksums, and puts the folder in its place. */
  finish(identity: PackageIdentity): void {
    const paths = filesUnder(this.path);
    const files = paths.map((path) => ({
      path,
      bytes: statSync(join(this.path, path)).size,
      sha256: hashFile(join(this.path, path)),
    }));
    const manifest: BuiltManifest = {
      format_version: packageFormatVersion,
      name: identity.name,
      created_by: identity.createdBy,
      variants: [...identity.variants],
      inputs_sha256: identity.inputsSha256,
      files,
    };
    this.writeJson(manifestName, builtManifestSchema.parse(manifest));
    const sums = [...files, { path: manifestName, sha256: hashFile(join(this.path, manifestName)) }];
    this.#write(sumsName, sums.map(({ path, sha256 }) => `${sha256}  ${path}\n`).join(''));
    replaceFolder(this.#final, this.path);
  }

  /** Removes the graphs of a variant that was built as a reference only. */
  removeVariant(variant: Variant): void {
    const folder = join(this.path, 'onnx');
    for (const name of readdirSync(folder).filter((name) => /^model_(?:gqa_)?(\w+)\./.exec(name)?.[1] === variant))
      rmSync(join(folder, name));
  }

  /** Removes what was written. */
  discard(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  #write(name: string, text: string): void {
    const path = join(this.path, name);
    try {
      writeFileSync(path, text);
    } catch (error) {
      throw outputError(path, error);
    }
  }
}

/**
 * Puts a folder in the place of another, which is gone afterwards, or back in its place when that fails.
 *
 * @throws AnchorageError `storageUnavailable`
 */
export function replaceFolder(final: string, fresh: string): void {
  const old = `${fresh}.old`;
  try {
    rmSync(old, { recursive: true, force: true });
    const isThere = existsSync(final);
    if (isThere) renameSync(final, old);
    try {
      renameSync(fresh, final);
    } catch (error) {
      if (isThere) renameSync(old, final);
      throw error;
    }
    rmSync(old, { recursive: true, force: true });
  } catch (error) {
    throw outputError(final, error);
  }
}

function partialName(final: string, pid: number | string): string {
  return `.${basename(final)}.${pid}.partial`;
}

/**
 * Removes what conversions to the same folder left behind whose process is gone (or is this one); a package that one of them had
 * moved aside, with nothing in its place yet, is put back.
 */
function removeAbandoned(final: string): void {
  for (const name of readdirSync(dirname(final))) {
    const pid = /\.(\d+)\.partial(?:\.old)?$/.exec(name)?.[1];
    if (pid === undefined || !name.startsWith(partialName(final, pid))) continue;
    if (Number(pid) !== process.pid && isRunning(Number(pid))) continue;
    const path = join(dirname(final), name);
    if (name.endsWith('.old') && !existsSync(final)) renameSync(path, final);
    else rmSync(path, { recursive: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Another user's process exists, but may not be signalled.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Whether a folder holds a package built from exactly these inputs, with all its files at their sizes. */
export function holdsPackage(folder: string, identity: PackageIdentity): boolean {
  let text: string;
  try {
    text = readFileSync(join(folder, manifestName), 'utf8');
  } catch {
    return false;
  }
  const manifest = builtManifestSchema.safeParse(parseOrUndefined(text));
  if (!manifest.success) return false;
  const { format_version: format, inputs_sha256: inputs, name, created_by: createdBy, variants, files } = manifest.data;
  const same =
    format === packageFormatVersion &&
    inputs === identity.inputsSha256 &&
    name === identity.name &&
    createdBy === identity.createdBy;
  const whole = files.every(
    ({ path, bytes }) => statSync(join(folder, path), { throwIfNoEntry: false })?.size === bytes,
  );
  return same && variants.join() === identity.variants.join() && whole;
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Paths of all files of a folder, relative to it, with forward slashes, sorted. */
function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
}
