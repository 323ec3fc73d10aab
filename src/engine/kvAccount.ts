/** Where caches of keys and values ask for their memory, so that all together stay within a limit. */
export interface KvAccount {
  /** Bytes that can still be taken. */
  readonly available: number;
  /** @throws AnchorageError `outOfMemory` when so many bytes are not available; nothing is taken then. */
  take(bytes: number): void;
  give(bytes: number): void;
}

/** For caches that nothing but the machine limits. */
export const unlimitedAccount: KvAccount = { available: Infinity, take: () => undefined, give: () => undefined };
