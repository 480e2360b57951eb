/** Random numbers of a run: number n of the sequence depends on nothing but the run's seed, so a replayed history draws the same. */
/** The n-th number of the seed's sequence, in [0, 1). The mixing is that of splitmix32. */
export function drawnNumber(seed: number, n: number): number {
  let z = (seed + Math.imul(n + 1, 0x9e3779b9)) | 0
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
  return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32
}
