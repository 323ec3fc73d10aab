import type { DecoderContext } from './decoderContext.ts';
import { rowsHeld, spillPlan } from './holdingPlan.ts';
import type { SequenceList } from './sequenceList.ts';
import type { SequencePlacer } from './sequencePlacer.ts';

export interface SessionRoomOptions {
  readonly context: DecoderContext;
  /** Whether taking a sequence out of the context makes room for others. */
  readonly canSpill: boolean;
  /** Rows beyond which sequences are spilled that no late exchange used. */
  readonly heldRows: number;
  /** Frees memory that another session holds; false when there is none. */
  readonly makeWay?: () => boolean;
}

/** Spilling frees so much of what is held beyond what is needed, so that it is seldom done. */
const spillShare = 0.05;

/** Exchanges after which a sequence may be spilled for speed alone, and the share that is freed at a time. */
const unusedExchanges = 8;
const restShare = 0.25;

/** Makes room in a context for what is still to be placed, by spilling sequences of the session. */
export class SessionRoom {
  readonly #options: SessionRoomOptions;
  readonly #list: SequenceList;
  readonly #placer: SequencePlacer;

  constructor(options: SessionRoomOptions, list: SequenceList, placer: SequencePlacer) {
    this.#options = options;
    this.#list = list;
    this.#placer = placer;
  }

  /**
   * Spills the least useful sequences until there is room for what is to be placed, and `rows` more. It may not
   * succeed: pinned ones stay. Of more rows than `heldRows`, those go too that no late exchange used: every token of an
   * answer attends to all that are held.
   */
  async fit(rows: number): Promise<void> {
    const { context, makeWay, canSpill } = this.#options;
    while (this.#missing(rows) > 0 && makeWay?.() === true);
    if (!canSpill) return;
    await this.#spill(this.#unused());
    const missing = this.#missing(rows);
    if (missing <= 0) return;
    const slack = Math.ceil((context.rows + context.room) * spillShare);
    const { all, exchanges } = this.#list;
    await this.#spill(spillPlan(all, rowsHeld(all) - missing - slack, exchanges));
    await context.trim();
  }

  #missing(rows: number): number {
    return rows + rowsHeld(this.#list.held.slice(this.#placer.count)) - this.#options.context.room;
  }

  #unused(): string[] {
    const { heldRows } = this.#options;
    const { all, exchanges } = this.#list;
    if (rowsHeld(all) <= heldRows) return [];
    return spillPlan(all, heldRows * (1 - restShare), exchanges, exchanges - unusedExchanges);
  }

  async #spill(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    const spilled = new Set(ids);
    for (const id of spilled) await this.#placer.drop(id);
    this.#list.change(({ id }) => (spilled.has(id) ? { spilled: true } : null));
  }
}
