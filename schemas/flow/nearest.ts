/** The name that was probably meant. */

/** Number of single-character changes (insert, delete, replace, swap of neighbours) between two short texts. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replace = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      let best = Math.min(row[j - 1]! + 1, last[j]! + 1, replace)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, beforeLast[j - 2]! + 1)
      row.push(best)
    }
    beforeLast = last
    last = row
  }
  return last[b.length]!
}

const MAX_LENGTH = 64
const MAX_NAMES = 2_000

/** The known name nearest to `found`, or `null` when none is near enough to be worth naming. */
export function nearest(found: string, known: Iterable<string>): string | null {
  if (found.length > MAX_LENGTH) return null
  const limit = Math.max(1, Math.floor(found.length / 3))
  let best: string | null = null
  let bestDistance = limit + 1
  let looked = 0
  for (const name of known) {
    if (++looked > MAX_NAMES) break
    if (Math.abs(name.length - found.length) >= bestDistance) continue
    const distance = editDistance(found.toLowerCase(), name.toLowerCase())
    if (distance < bestDistance) {
      best = name
      bestDistance = distance
    }
  }
  return best
}

/** `; did you mean 'x'?`, or nothing. */
export function didYouMean(found: string, known: Iterable<string>): string {
  const name = nearest(found, known)
  return name === null ? '' : `; did you mean '${name}'?`
}

/** `; expected a, b`, or with a guess before it, as sentences: `; did you mean 'a'? Expected a, b`. */
export function expectedOneOf(found: string, known: readonly string[]): string {
  const guess = didYouMean(found, known)
  return `${guess === '' ? '; expected' : `${guess} Expected`} ${known.join(', ')}`
}
