const locale = 'en';
const counts = new Intl.NumberFormat(locale);
const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });

/** 12345 as `12,345`. */
export function formatCount(count: number): string {
  return counts.format(count);
}

/** Bytes as kB, MB or GB of powers of ten, with three figures at most. */
export function formatBytes(bytes: number): string {
  if (bytes === 0) {
    return '0 MB';
  }
  const units = ['kB', 'MB', 'GB'];
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit] ?? ''}`;
}

/** A fraction of one as whole percents. */
export function formatPercent(fraction: number): string {
  return `${Math.round(Math.min(1, Math.max(0, fraction)) * 100)}%`;
}

/** Milliseconds as seconds. */
export function formatSeconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(milliseconds < 9950 ? 1 : 0)} s`;
}

/** A factor as `7.9×`. */
export function formatFactor(factor: number): string {
  return `${factor.toFixed(factor < 99.5 ? 1 : 0)}×`;
}

/** How long ago a time was, both in milliseconds since the epoch. */
export function formatAge(then: number, now: number): string {
  const minutes = Math.round((then - now) / 60_000);
  if (minutes > -60) {
    return relative.format(Math.min(0, minutes), 'minute');
  }
  const hours = Math.round(minutes / 60);
  return hours > -24 ? relative.format(hours, 'hour') : relative.format(Math.round(hours / 24), 'day');
}
