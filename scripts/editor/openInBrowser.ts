import { spawn } from 'node:child_process';
import { onPath } from '../prepare/onPath.ts';

/** Opens an address in the desktop's browser, where there is a desktop. The address has been printed: failing is no error. */
export async function openInBrowser(address: string): Promise<void> {
  const hasDesktop =
    process.platform === 'darwin' ||
    process.env['DISPLAY'] !== undefined ||
    process.env['WAYLAND_DISPLAY'] !== undefined;
  const opener = hasDesktop ? await onPath(['xdg-open', 'open']) : undefined;
  if (opener === undefined) return;
  spawn(opener, [address], { stdio: 'ignore', detached: true })
    .on('error', () => undefined)
    .unref();
}
