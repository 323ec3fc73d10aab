import { button, element } from '../dom.ts';
import { icon } from '../icons.ts';
import { strings } from '../strings.ts';
import type { Exchange } from '../../protocol/worker.ts';

/** Which way a branch switcher went. */
export type BranchStep = 'before' | 'after';

export interface BranchActions {
  selectBranch(exchangeId: string, step: BranchStep): void;
}

/** `‹ 2/3 ›`: which of the exchanges asked in one place is shown. Null where there is one only. */
export function branchSwitcher({ id, siblings }: Exchange, actions: BranchActions): HTMLElement | null {
  const index = siblings.indexOf(id);
  if (siblings.length < 2 || index < 0) {
    return null;
  }
  const step = (name: BranchStep, target: string | undefined): HTMLButtonElement => {
    const made = button({
      label: name === 'before' ? strings.versionBefore : strings.versionAfter,
      icon: icon(name === 'before' ? 'left' : 'right'),
      className: `icon-button when-idle version-${name}`,
      onClick: () => {
        if (target !== undefined) {
          actions.selectBranch(target, name);
        }
      },
    });
    made.disabled = target === undefined;
    return made;
  };
  return element(
    'span',
    { class: 'versions', role: 'group', 'aria-label': strings.versionSpoken(index + 1, siblings.length) },
    step('before', siblings[index - 1]),
    element('span', { 'aria-hidden': 'true' }, strings.version(index + 1, siblings.length)),
    step('after', siblings[index + 1]),
  );
}
