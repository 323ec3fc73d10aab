import { z } from 'zod';
import type { FromWebviewMessage } from '../../protocol/webview.ts';
import { sequenceActions, sessionFormats } from '../../protocol/worker.ts';

/** Longest text that the page may send, in UTF-16 units: far above any question, far below what would hurt the host. */
const text = z.string().max(1 << 20);
const id = z.string().min(1).max(128);

/** What the page may send. It shows model output, so nothing it says is taken on trust. */
export const pageMessageSchema: z.ZodType<FromWebviewMessage.Type> = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready') }),
  z.object({ type: z.literal('ask'), text }),
  z.object({
    type: z.literal([
      'stop',
      'newSession',
      'attachSelection',
      'attachFile',
      'restartWorker',
      'showLog',
      'retry',
      'listSessions',
      'importSession',
    ]),
  }),
  z.object({ type: z.literal('removeAttachment'), id }),
  z.object({ type: z.literal('openSession'), sessionId: id, exchangeId: id.nullable() }),
  z.object({ type: z.literal('deleteSession'), sessionId: id }),
  z.object({ type: z.literal('renameSession'), sessionId: id, title: z.string().trim().min(1).max(200) }),
  z.object({ type: z.literal('exportSession'), sessionId: id, format: z.enum(sessionFormats) }),
  z.object({ type: z.literal('searchSessions'), query: z.string().max(1000) }),
  z.object({ type: z.literal('edit'), exchangeId: id, text }),
  z.object({ type: z.literal('selectBranch'), exchangeId: id }),
  z.object({ type: z.literal('sequenceText'), sequenceId: id }),
  z.object({ type: z.literal('actOnSequence'), sequenceId: id, action: z.enum(sequenceActions) }),
  z.object({ type: z.literal(['copy', 'insert']), text }),
]);
