/** What the model's stand-in understands of language: words, cut to their stems, without those that every text has. */

const COMMON = new Set(
  'a an and are as at be by can do does for from get have how i in is it may me must my never of on or than that the their they this to until up what when where which who whom will with you your'.split(
    ' ',
  ),
)
export const DIMENSIONS = 1536

export function stemsOf(text: string): readonly string[] {
  const words = text.toLowerCase().match(/[a-z0-9]+/g) ?? []
  return words.filter((word) => !COMMON.has(word)).map((word) => word.replace(/(?<=[a-z]{3})(ing|ed|es|s)$/, ''))
}

/** A vector of length 1; texts with words in common lie near each other. */
export function embeddingOf(text: string): readonly number[] {
  const vector = new Array<number>(DIMENSIONS).fill(0)
  for (const stem of stemsOf(text)) {
    const hash = hashOf(stem)
    vector[hash % DIMENSIONS]! += hash & 0x10000 ? 1 : -1
  }
  const length = Math.hypot(...vector) || 1
  return vector.map((value) => Math.fround(value / length))
}

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (const char of text) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) >>> 0
  return hash
}
