type Attributes = Readonly<Record<string, string | number | boolean | null>>;
export type Child = Node | string | null;

/** Makes an element. Attributes: null and false leave one out, true sets it empty. Strings become text, never markup. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  setAttributes(made, attributes);
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** Sets and removes attributes as `element` does. */
export function setAttributes(target: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false) {
      target.removeAttribute(name);
    } else {
      target.setAttribute(name, value === true ? '' : String(value));
    }
  }
}

export interface ButtonOptions {
  readonly label: string;
  /** Drawn in place of the label, which then names the button for screen readers and on hover. */
  readonly icon?: SVGElement;
  readonly className?: string;
  /** Read out in place of the label, where the label alone says too little. */
  readonly description?: string;
  /** Shown for a moment after a click in place of the label or icon: the sign that something unseen was done. */
  readonly done?: string | SVGElement;
  readonly onClick: () => void;
}

const doneMilliseconds = 1500;

/** Makes a button with a visible label or an icon. */
export function button({ label, icon, className, description, done, onClick }: ButtonOptions): HTMLButtonElement {
  const name = description ?? (icon ? label : null);
  const made = element(
    'button',
    { type: 'button', class: className ?? null, 'aria-label': name, title: name },
    icon ?? label,
  );
  made.addEventListener('click', () => {
    onClick();
    if (done !== undefined) {
      made.replaceChildren(done);
      setTimeout(() => made.replaceChildren(icon ?? label), doneMilliseconds);
    }
  });
  return made;
}

/**
 * Gives an element the focus within the page. A page that has not the keyboard takes none from the editor: it focuses its
 * input when the user comes to it.
 */
export function focusWithin(target: HTMLElement): void {
  if (document.hasFocus()) {
    target.focus();
  }
}

/** Shows or hides an element. */
export function setVisible(target: HTMLElement, visible: boolean): void {
  target.hidden = !visible;
}

/** Sets text only where it changed, so that live regions and selections are left alone. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) {
    target.textContent = text;
  }
}
