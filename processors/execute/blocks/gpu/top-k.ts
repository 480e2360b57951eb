/** Indices of the `k` highest scores, the highest first; equal ones in order of their index. */
export function topK(scores: ArrayLike<number>, k: number): number[] {
  if (k >= scores.length) return Array.from(scores, (_, index) => index).sort((a, b) => ahead(scores, a, b))
  const best: number[] = []
  for (let index = 0; index < scores.length; index++) {
    if (best.length === k && ahead(scores, best[k - 1]!, index) <= 0) continue
    if (best.length === k) best.pop()
    let low = 0
    let high = best.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (ahead(scores, best[middle]!, index) <= 0) low = middle + 1
      else high = middle
    }
    best.splice(low, 0, index)
  }
  return best
}

/** Negative if `a` comes before `b`. */
function ahead(scores: ArrayLike<number>, a: number, b: number): number {
  return scores[b]! - scores[a]! || a - b
}
