/** Which characters the escapes of regular expressions stand for, as the language itself has it. */

/** Code points from and to, both included. */
export type Range = readonly [number, number]

/** Surrogates are apart: next to one another two of them would be one character. They differ in no property. */
const SEGMENTS: readonly Range[] = [
  [0, 0xd7ff],
  [0xe000, 0xffff],
  [0x10000, 0x10ffff],
]
const SURROGATES: Range = [0xd800, 0xdfff]
const CHUNK = 4_096

const known = new Map<string, readonly Range[]>()
let texts: readonly string[] | null = null

/** The characters that an escape such as `\s` or `\p{Lu}` stands for. @throws {SyntaxError} */
export function rangesOf(set: string): readonly Range[] {
  const before = known.get(set)
  if (before !== undefined) return before
  texts ??= SEGMENTS.map(textOf)
  const runs = new RegExp(`${set}+`, 'gu')
  const ranges = SEGMENTS.flatMap(([first], segment) => {
    const width = first > 0xffff ? 2 : 1
    return [...texts![segment]!.matchAll(runs)].map(({ index, 0: run }): Range => {
      const from = first + index / width
      return [from, from + run.length / width - 1]
    })
  })
  if (new RegExp(set, 'u').test('\ud800')) ranges.push(SURROGATES)
  known.set(set, ranges)
  return ranges
}

function textOf([first, last]: Range): string {
  let text = ''
  for (let at = first; at <= last; at += CHUNK) {
    const length = Math.min(CHUNK, last - at + 1)
    text += String.fromCodePoint(...Array.from({ length }, (_, n) => at + n))
  }
  return text
}
