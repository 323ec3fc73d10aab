const paths = {
  attach: 'M11.5 6.5 7 11a1.8 1.8 0 0 1-2.6-2.6l5.3-5.2a2.9 2.9 0 0 1 4.1 4.1l-5.4 5.4a4.2 4.2 0 0 1-6-5.9L7 2.3',
  again: 'M13.2 8.5a5.3 5.3 0 1 1-1.5-4.2l1.6 1.6m0-3.4v3.4H9.9',
  close: 'm3.5 3.5 9 9m0-9-9 9',
  copy: 'M5.5 5.5v-3h8v8h-3m-8-5h8v8h-8z',
  down: 'M8 2.5v11m-4.5-4.5L8 13.5 12.5 9',
  check: 'm2.5 8.5 3.5 3.5 7.5-8',
  left: 'm10 4-4 4 4 4',
  right: 'm6 4 4 4-4 4',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  pencil: 'm2.8 13.2.7-3 7.6-7.5 2.3 2.3-7.6 7.5zM9.4 4.4l2.3 2.3',
  import: 'M8 2.5v7m-3-3 3 3 3-3M2.5 10v3.5h11V10',
  chevron: 'm4 6 4 4 4-4',
  plus: 'M8 2.5v11M2.5 8h11',
  send: 'M2.5 13.5 14 8 2.5 2.5 4 8zM4 8h5',
  sessions: 'M2.5 4h11m-11 4h11m-11 4h7',
  stop: 'M4 4h8v8H4z',
  trash: 'M2.5 4.5h11M6 4.5v-2h4v2m-6 0 .7 9h6.6l.7-9M6.7 7v4M9.3 7v4',
} as const;

export type IconName = keyof typeof paths;

const namespace = 'http://www.w3.org/2000/svg';

/** A 16 x 16 icon in the colour of the text; hidden from screen readers, as its button carries the name. */
export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS(namespace, 'svg');
  const path = document.createElementNS(namespace, 'path');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('class', `icon icon-${name}`);
  svg.setAttribute('aria-hidden', 'true');
  path.setAttribute('d', paths[name]);
  svg.append(path);
  return svg;
}
