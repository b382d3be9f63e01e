/** Names that somebody may have meant by a misspelt word: the nearest, at most three, the nearer first. */
export function nearest(word: string, names: Iterable<string>): string[] {
  const most = word.length <= 4 ? 1 : 2;
  const lower = word.toLowerCase();
  const found: { readonly name: string; readonly distance: number }[] = [];
  for (const name of names) {
    if (Math.abs(name.length - word.length) > most || name === word) continue;
    const distance = distanceWithin(lower, name.toLowerCase(), most);
    if (distance <= most) found.push({ name, distance });
  }
  const sorted = found.sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1));
  const best = sorted[0]?.distance ?? 0;
  return sorted
    .filter(({ distance }) => distance === best)
    .slice(0, 3)
    .map(({ name }) => name);
}

/** How many letters were left out, put in, exchanged or swapped with their neighbour; more than `most` is `most + 1`. */
export function distanceWithin(a: string, b: string, most: number): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      row.push(cost);
      least = Math.min(least, cost);
    }
    if (least > most) return most + 1;
    before = last;
    last = row;
  }
  return Math.min(last[b.length] ?? 0, most + 1);
}
