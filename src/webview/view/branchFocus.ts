import { focusWithin } from '../dom.ts';
import type { BranchStep } from './branchSwitcher.ts';
import type { ExchangeView } from './exchangeView.ts';

/** Keeps the focus on the branch switcher when another branch, and with it another switcher, takes the place of this one. */
export class BranchFocus {
  #expected: { readonly exchangeId: string; readonly step: BranchStep } | null = null;

  /** A branch was chosen by a button of a switcher. */
  expect(exchangeId: string, step: BranchStep): void {
    this.#expected = { exchangeId, step };
  }

  /** Gives the focus to the switcher of the chosen branch once that is drawn: the same button, or at the end the other one. */
  give(views: ReadonlyMap<string, ExchangeView>): void {
    const view = this.#expected && views.get(this.#expected.exchangeId);
    if (!this.#expected || !view) {
      return;
    }
    const { step } = this.#expected;
    this.#expected = null;
    const buttons = [...view.element.querySelectorAll<HTMLButtonElement>('.versions button:enabled')];
    const target = buttons.find((button) => button.classList.contains(`version-${step}`)) ?? buttons[0];
    if (target) {
      focusWithin(target);
    }
  }
}
