import type { Exchange } from '../protocol/worker.ts';

/** What an answer took, in one line. */
export function usageLine({ usage, stopReason }: Exchange): string {
  const { promptTokens, answerTokens, kvRows, kvRowsFull, prefillMs, decodeMs } = usage;
  const perSecond = decodeMs > 0 ? ` (${((answerTokens * 1000) / decodeMs).toFixed(0)} tokens/s)` : '';
  const end = stopReason === 'endOfText' ? '' : `, ended by ${stopReason}`;
  return (
    `[${promptTokens} tokens read in ${seconds(prefillMs)}, ${answerTokens} written in ${seconds(decodeMs)}${perSecond}; ` +
    `cache ${kvRows} rows of ${kvRowsFull}${end}]`
  );
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}
