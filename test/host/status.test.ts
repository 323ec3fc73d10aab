import assert from 'node:assert/strict';
import { AnchorageError } from '../../src/protocol/errors.ts';
import { chatErrorOf } from '../../src/host/errorPresenter.ts';
import { modelStatusOf } from '../../src/host/models/modelStatus.ts';
import { TryGpuAgainCommand } from '../../src/host/status/commands/tryGpuAgain.ts';
import { diagnosis } from '../../src/host/status/diagnosis.ts';
import { StatusBar } from '../../src/host/status/statusBar.ts';
import { FakeAssistant, untilAborted } from './fakeAssistant.ts';
import { Surroundings } from './surroundings.ts';

describe('status', () => {
  let surroundings: Surroundings;
  let assistant: FakeAssistant;
  beforeEach(() => {
    surroundings = new Surroundings();
    assistant = new FakeAssistant();
  });
  afterEach(() => {
    surroundings.dispose();
  });

  it('shows every state in the status bar', async () => {
    const bar = surroundings.add(new StatusBar(assistant));
    assert.match(bar.text, /check/);
    assistant.setStatus({ state: 'stopped' });
    assert.match(bar.text, /circle-outline/);
    assistant.setStatus({ state: 'loading', fraction: 0.424 });
    assert.match(bar.text, /42%/);
    assistant.setStatus({ state: 'absent', message: 'No package.', remedy: 'Choose one.' });
    assert.match(bar.text, /circle-slash/);
    assistant.setStatus({ state: 'failed', error: new AnchorageError('fileAltered', 'Altered.') });
    assert.match(bar.text, /error/);
    await assistant.start();
    assistant.script = async (_, signal) => {
      await untilAborted(signal);
      return '';
    };
    const abort = new AbortController();
    const { id } = await assistant.createSession({ ephemeral: true }, abort.signal);
    const asked = assistant.ask(
      { requestId: 'r', sessionId: id, task: 'chat', question: 'q', attachments: [], sampling: {} },
      { onRead: () => undefined, onToken: () => undefined },
      abort.signal,
    );
    assert.match(bar.text, /loading/);
    abort.abort();
    await asked;
    assert.match(bar.text, /check/);
  });

  it('says why the model runs on the CPU, and what to do, where the user looks for it', async () => {
    const reason =
      'CPU, because WebGPU ended the process that tested it by SIGSEGV; update the graphics driver, then try again.';
    const bar = surroundings.add(new StatusBar(assistant));
    const model = { ...(await assistant.start()), executionProviderReason: reason };
    assert.ok(!bar.label.includes(reason));
    assistant.setStatus({ state: 'ready', model });
    assert.ok(bar.label.includes(reason), bar.label);
    const page = modelStatusOf(assistant.status);
    assert.ok(page.state === 'ready' && page.reason === reason);
    assistant.diagnose = () => Promise.resolve([{ name: 'Execution provider', ok: true, detail: reason, remedy: '' }]);
    const keep = assistant.start.bind(assistant);
    assistant.start = () => Promise.resolve(model);
    const text = await diagnosis(assistant, surroundings.configuration, '1.2.3');
    assistant.start = keep;
    assert.ok(text.includes(`| ✓ | Execution provider | ${reason} |`), text);
  });

  it('tries the GPU again when it is told to, and shows what came of it', async () => {
    const reason = 'CPU, because WebGPU found no device; install a driver.';
    assistant.triedAgain = { ...assistant.triedAgain, executionProviderReason: reason };
    assert.equal(await new TryGpuAgainCommand(assistant).execute(), reason);
  });

  it('offers the restart where it helps, the log after an error of ours, another try where asking again makes sense', () => {
    const actionOf = (error: unknown): string | null => chatErrorOf(error).action;
    assert.equal(actionOf(new AnchorageError('workerGaveUp', 'x')), 'restartWorker');
    assert.equal(actionOf(new AnchorageError('outOfMemory', 'x')), 'restartWorker');
    assert.equal(actionOf(new AnchorageError('contextTooLong', 'x')), 'retry');
    assert.equal(actionOf(new AnchorageError('workerDied', 'x')), 'retry');
    assert.equal(actionOf(new AnchorageError('invalidInput', 'x')), null);
    assert.equal(actionOf(new AnchorageError('internal', 'x')), 'showLog');
    assert.equal(actionOf(new TypeError('x')), 'showLog');
  });

  it('gives the page a button for every model that could not be loaded', () => {
    const error = new AnchorageError('invalidInput', 'x', 'y');
    assert.deepEqual(modelStatusOf({ state: 'failed', error }), {
      state: 'failed',
      error: { message: 'x', remedy: 'y', action: 'retry' },
    });
  });

  it('tells the page that a stopped model is about to load', () => {
    assert.deepEqual(modelStatusOf({ state: 'stopped' }), { state: 'loading', fraction: null });
  });

  it('reports the checks, the model and the settings in a diagnosis, also when the worker cannot', async () => {
    assistant.setStatus({ state: 'stopped' });
    const text = await diagnosis(assistant, surroundings.configuration, '1.2.3');
    assert.match(text, /\| Anchorage \| 1\.2\.3 \|/);
    assert.match(text, /\| name \| Fake \|/);
    assert.match(text, /\| ✓ \| Model files \| All there\. \|/);
    assert.match(text, /\| ✗ \| Storage \| Read-only\. Make it writable\. \|/);
    assert.match(text, /`anchorage\.memory\.ratio` \| 0 \| default/);
    assistant.diagnose = () => Promise.reject(new AnchorageError('workerGaveUp', 'Three crashes.', 'Restart it.'));
    const without = await diagnosis(assistant, surroundings.configuration, '1.2.3');
    assert.match(without, /Three crashes\.\*\* Restart it\./);
    assert.match(without, /anchorage\.files\.maxSize/);
  });
});
