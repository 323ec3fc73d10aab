import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { root } from '../prepare/folders.ts';
import { onPath } from '../prepare/onPath.ts';
import { runProgram } from '../prepare/program.mjs';
import { withoutEditorVariables } from './editorVariables.ts';

/** The desktop's VS Code, or why it is not used. */
export type Desktop = { readonly code: string } | { readonly because: string };

/** Where a `code` command would run. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly platform: NodeJS.Platform;
  /** The user's id, where there is one. */
  readonly userId: number | undefined;
}

const manifestSchema = z.object({ engines: z.object({ vscode: z.string() }) });

/** Looks for a desktop VS Code that can run the extension from this checkout. */
export async function findDesktop(): Promise<Desktop> {
  const because = whyNoDesktop({ env: process.env, platform: process.platform, userId: process.getuid?.() });
  if (because !== undefined) return { because };
  const code = await onPath(['code']);
  if (code === undefined) return { because: 'there is no "code" on the path' };
  const env = withoutEditorVariables(process.env);
  const version = (await runProgram(code, ['--version'], { env }).catch(() => '')).split('\n')[0] ?? '';
  const manifest = manifestSchema.parse(JSON.parse(await readFile(join(root, 'package.json'), 'utf8')));
  if (isAtLeast(version, manifest.engines.vscode)) return { code };
  return { because: `${code} is version "${version}", and the extension needs ${manifest.engines.vscode}` };
}

/** Why no desktop's window can be opened from here, whatever `code` is on the path; undefined: it can. */
export function whyNoDesktop({ env, platform, userId }: Surroundings): string | undefined {
  // The `code` of such a terminal opens files in the window it belongs to, and takes no extension along.
  if (env['VSCODE_IPC_HOOK_CLI'] !== undefined) return 'this is the terminal of a remote window';
  if (env['WSL_DISTRO_NAME'] !== undefined) return '"code" opens a window on Windows here';
  if (userId === 0) return 'VS Code does not run as root';
  const hasDisplay = (env['DISPLAY'] ?? '') !== '' || (env['WAYLAND_DISPLAY'] ?? '') !== '';
  return platform === 'linux' && !hasDisplay ? 'there is no display' : undefined;
}

/** Whether a version such as 1.130.2 is in a range such as ^1.127.0, of which VS Code has no other kinds. */
export function isAtLeast(version: string, range: string): boolean {
  const numbers = (text: string) => (/(\d+)\.(\d+)\.(\d+)/.exec(text) ?? []).slice(1).map(Number);
  const [found, needed] = [numbers(version), numbers(range)];
  const different = needed.findIndex((number, i) => number !== found[i]);
  return found.length === 3 && (different < 0 || (found[different] ?? 0) > (needed[different] ?? 0));
}
