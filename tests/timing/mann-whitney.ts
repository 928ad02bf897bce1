/** Whether two samples come from one distribution: the Mann–Whitney U test, two-sided, with ties and the normal approximation. */
type Compared = { readonly p: number; readonly medians: readonly [number, number] };

export function compare(one: readonly number[], two: readonly number[]): Compared {
  const all = [
    ...one.map((value) => ({ value, first: true })),
    ...two.map((value) => ({ value, first: false })),
  ];
  all.sort((a, b) => a.value - b.value);
  let rankSum = 0;
  let ties = 0;
  for (let from = 0; from < all.length;) {
    let to = from;
    while (to < all.length && all[to]?.value === all[from]?.value) to += 1;
    const size = to - from;
    // Equal values share the mean of their ranks.
    rankSum += all.slice(from, to).filter(({ first }) => first).length * ((from + 1 + to) / 2);
    ties += size ** 3 - size;
    from = to;
  }
  const [n, m] = [one.length, two.length];
  const u = rankSum - (n * (n + 1)) / 2;
  const spread = Math.sqrt(((n * m) / 12) * (n + m + 1 - ties / ((n + m) * (n + m - 1))));
  const z = spread === 0 ? 0 : Math.abs(u - (n * m) / 2) / spread;
  return { p: erfc(z / Math.SQRT2), medians: [median(one), median(two)] };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (
    ((sorted[Math.floor((sorted.length - 1) / 2)] ?? NaN) + (sorted[Math.floor(sorted.length / 2)] ?? NaN)) /
    2
  );
}

/** Abramowitz and Stegun 7.1.26: wrong by less than 1.5e-7. */
function erfc(x: number): number {
  const t = 1 / (1 + 0.3275911 * x);
  const terms = [0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429];
  return terms.reduceRight((sum, term) => (sum + term) * t, 0) * Math.exp(-x * x);
}
