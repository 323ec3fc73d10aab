/** Rows of a block, inside of which one run gives every token the bits that a run of its own would. */
const BLOCK = 32;

/** Tokens after `rows` cached rows that one run may read as if they were read one by one. */
export function exactTokens(rows: number): number {
  return BLOCK - (rows % BLOCK);
}

/**
 * Cached rows whose values a run sums up apart from the recent and the new ones. A float sum depends on where it is cut:
 * tokens of one block have the same cut however many of them a run reads. A run of more tokens has no recent rows.
 */
export function oldRows(rows: number, tokens: number): number {
  return Math.max(1, tokens > exactTokens(rows) ? rows : rows - (rows % BLOCK));
}
