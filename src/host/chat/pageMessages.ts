import { z } from 'zod';
import type { FromWebviewMessage } from '../../protocol/webview.ts';

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
    ]),
  }),
  z.object({ type: z.literal('removeAttachment'), id }),
  z.object({ type: z.literal(['openSession', 'deleteSession']), sessionId: id }),
  z.object({ type: z.literal(['copy', 'insert']), text }),
]);
