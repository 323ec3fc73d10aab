import assert from 'node:assert/strict';
import { withoutEditorVariables } from '../../../scripts/editor/editorVariables.ts';
import type { Surroundings } from '../../../scripts/editor/findDesktop.ts';
import { isAtLeast, whyNoDesktop } from '../../../scripts/editor/findDesktop.ts';

describe("the desktop's VS Code", () => {
  const desk: Surroundings = { env: { DISPLAY: ':0' }, platform: 'linux', userId: 1000 };

  it('is used where a window can be opened', () => {
    assert.equal(whyNoDesktop(desk), undefined);
    assert.equal(whyNoDesktop({ ...desk, env: { WAYLAND_DISPLAY: 'wayland-0' } }), undefined);
    assert.equal(whyNoDesktop({ env: {}, platform: 'darwin', userId: 501 }), undefined);
  });

  const cases: readonly [string, Surroundings, RegExp][] = [
    ["in a remote window's terminal", { ...desk, env: { ...desk.env, VSCODE_IPC_HOOK_CLI: '/run/a.sock' } }, /remote/],
    ['on Windows from within WSL', { ...desk, env: { ...desk.env, WSL_DISTRO_NAME: 'Debian' } }, /Windows/],
    ['as root', { ...desk, userId: 0 }, /root/],
    ['without a display', { ...desk, env: { DISPLAY: '' } }, /no display/],
  ];
  for (const [name, surroundings, because] of cases) {
    it(`is not used ${name}`, () => assert.match(whyNoDesktop(surroundings) ?? '', because));
  }

  it('must be as new as the extension needs it', () => {
    for (const version of ['1.127.0', '1.127.1', '1.130.0-insider', '2.0.0']) assert.ok(isAtLeast(version, '^1.127.0'));
    for (const version of ['1.126.9', '1.99.0', '0.200.0', '', 'code: not found'])
      assert.equal(isAtLeast(version, '^1.127.0'), false);
  });

  it('is started without what VS Code tells its own terminals', () => {
    const env = { VSCODE_IPC_HOOK_CLI: 'a', CODE_SERVER_PARENT_PID: '1', PATH: '/bin', MY_VSCODE: 'b' };
    assert.deepEqual(withoutEditorVariables(env), { PATH: '/bin', MY_VSCODE: 'b' });
  });
});
