/**
 * A path as it is written above every chunk of its file: the end of it that takes at most `limit` tokens, since the
 * name says more than the folders, cut before a folder where one begins.
 *
 * @param size tokens of a text.
 */
export function shortPath(path: string, limit: number, size: (text: string) => number): string {
  // A token is hardly ever longer than 64 characters: a path that is longer by far is not tokenised as a whole.
  const most = limit * 64;
  if (path.length <= most && size(path) <= limit) return path;
  const end = Array.from(path.slice(-most));
  const last = (count: number): string => `…${end.slice(end.length - count).join('')}`;
  let [fits, tooLong] = [0, end.length];
  while (tooLong - fits > 1) {
    const middle = (fits + tooLong) >> 1;
    if (size(last(middle)) <= limit) fits = middle;
    else tooLong = middle;
  }
  const cut = last(fits);
  const folder = cut.search(/[\\/](?=.)/);
  return folder < 0 ? cut : `…${cut.slice(folder)}`;
}
