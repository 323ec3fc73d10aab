import assert from 'node:assert/strict';
import { samplingSchema } from '../../../src/protocol/sampling.ts';
import { Rehydrator } from '../../../src/memory/rehydrator.ts';
import { SessionMemory } from '../../../src/memory/sessionMemory.ts';
import { runTurn } from '../../../src/worker/turn.ts';
import { exchangeSequence } from '../memory/memoryFixtures.ts';
import { FakeContext } from './fakeContext.ts';
import { encodeFake, FakeModel } from './fakeModel.ts';

describe('turn', () => {
  it('says which texts the answer may repeat: the last exchange, what is read again, what is attached, the question', async () => {
    const model = new FakeModel({ read: 0, write: 0 });
    const context = new FakeContext();
    const memory = new SessionMemory({
      context,
      keys: model.keys,
      store: { keepsAnchors: false, hasAnchors: () => false, readAnchors: () => undefined, write: () => undefined },
      defaults: model.defaults,
      workRows: model.workRows,
      encode: encodeFake,
      sequences: [exchangeSequence('first', 'alpha?', 'beta.'), exchangeSequence('last', 'gamma?', 'delta.')],
      canSpill: true,
      heldRows: Infinity,
    });
    const rehydrator = new Rehydrator(memory);
    memory.setWanted('first', true);
    const file = { kind: 'file', path: 'src/a.ts', languageId: 'typescript', startLine: 1 } as const;
    const attachments = [{ ...file, symbolLines: [1], text: 'const epsilon = 1;' }];
    const sampling = samplingSchema.parse({ maxTokens: 2 });
    const listener = { onProgress: () => undefined, onToken: () => undefined };
    const request = { task: 'chat', question: 'zeta?', attachments, sampling } as const;
    await runTurn(model, { memory, rehydrator }, request, listener, new AbortController().signal);
    const texts = context.likely.map((ids) => String.fromCodePoint(...ids));
    for (const [index, word] of ['delta', 'beta', 'epsilon', 'zeta'].entries()) {
      assert.ok(texts[index]?.includes(word), `${word} in ${JSON.stringify(texts[index])}`);
    }
    assert.equal(texts.length, 4);
  });
});
