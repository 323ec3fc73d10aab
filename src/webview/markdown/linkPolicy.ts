/** The URL if a link to it may be shown: absolute, http or https, without a user name that could pose as another host; else null. */
export function allowedUrl(href: string): string | null {
  if (!/^https?:\/\//i.test(href)) {
    return null;
  }
  try {
    const url = new URL(href);
    return url.username === '' && url.password === '' ? url.href : null;
  } catch {
    return null;
  }
}
