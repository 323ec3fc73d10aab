import { button, setAttributes } from '../dom.ts';
import type { MenuItem, PopupMenu } from './popupMenu.ts';

/** A button that opens a menu beside itself, and closes it where it is open. Many buttons may share one menu. */
export function menuButton(
  menu: PopupMenu,
  { label, icon, items }: { readonly label: string; readonly icon: SVGElement; readonly items: readonly MenuItem[] },
): HTMLButtonElement {
  // The press that is to close a menu takes the focus from it, which closes it before the click.
  let closes = false;
  const made = button({
    label,
    icon,
    className: 'icon-button',
    onClick: () => {
      if (!closes) {
        menu.open(made, made, label, items);
      }
      closes = false;
    },
  });
  made.addEventListener('pointerdown', () => {
    closes = made.getAttribute('aria-expanded') === 'true';
  });
  setAttributes(made, { 'aria-haspopup': 'menu', 'aria-expanded': 'false' });
  return made;
}
