import { readFile, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, sep } from 'node:path';
import type { z } from 'zod';
import { AnchorageError, messageOf } from '../protocol/errors.ts';
import type { PackageManifest } from '../protocol/packageManifest.ts';
import { sha256Of } from './fileHash.ts';

const rebuild = 'Build or download the package again.';
/** Larger than any tokenizer.json in use; a bound for what a hostile package can make the process read. */
const LARGEST_JSON = 128 * 2 ** 20;

/** Reads files of one package folder; every error names the file, and the field where there is one. */
export class PackageFiles {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async open(folder: string): Promise<PackageFiles> {
    try {
      return new PackageFiles(await realpath(folder));
    } catch (error) {
      throw new AnchorageError(
        'modelMissing',
        `There is no model package at ${folder}.`,
        'Choose or build a package.',
        {
          cause: error,
        },
      );
    }
  }

  /** Absolute path of a package file. @throws when it, or what it links to, lies outside the folder. */
  async path(name: string): Promise<string> {
    let path: string;
    try {
      path = await realpath(join(this.folder, name));
    } catch (error) {
      throw new AnchorageError('fileUnreadable', `${name} is missing from the package ${this.folder}.`, rebuild, {
        cause: error,
      });
    }
    const inside = relative(this.folder, path);
    if (inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) {
      throw new AnchorageError('fileInvalid', `${name} leads out of the package folder ${this.folder}.`, rebuild);
    }
    return path;
  }

  /** Parses a JSON file and validates it. */
  async json<T>(name: string, schema: z.ZodType<T>): Promise<T> {
    const path = await this.path(name);
    let value: unknown;
    try {
      const { size } = await stat(path);
      if (size > LARGEST_JSON) throw new Error(`it holds ${size} bytes`);
      value = JSON.parse(await readFile(path, 'utf8'));
    } catch (error) {
      throw new AnchorageError('fileInvalid', `${name} is not readable as JSON: ${messageOf(error)}.`, rebuild, {
        cause: error,
      });
    }
    return validated(name, schema, value);
  }

  /** Compares the files listed in the manifest with what lies in the folder. */
  async verify(files: PackageManifest['files'], depth: 'sizes' | 'hashes'): Promise<void> {
    for (const file of files) {
      const path = await this.path(file.path);
      const { size } = await stat(path);
      if (size !== file.bytes) {
        const kind = size < file.bytes ? 'truncated' : 'altered';
        const message = `${file.path} is ${kind}: it holds ${size} bytes where the manifest says ${file.bytes}.`;
        throw new AnchorageError('fileAltered', message, rebuild);
      }
      if (depth === 'hashes' && (await sha256Of(path, size)) !== file.sha256) {
        const message = `${file.path} is altered: its SHA-256 is not the one in the manifest.`;
        throw new AnchorageError('fileAltered', message, rebuild);
      }
    }
  }
}

/** `value` as the schema's type. @throws AnchorageError `fileInvalid` that names the first wrong field. */
export function validated<T>(name: string, schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const field = issue === undefined || issue.path.length === 0 ? 'the file' : issue.path.map(String).join('.');
  throw new AnchorageError('fileInvalid', `${name}: ${field}: ${issue?.message ?? 'invalid'}.`, rebuild, {
    cause: result.error,
  });
}
