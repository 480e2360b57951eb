/**
 * What a compiled kernel is known by where steps are given to workers: its name, and of those that come with a step's own text a hash of how that
 * text begins. Both sides look at the text as it stands in JSON, so that the one that assigns needs not parse a whole input for it.
 */

const TEXT_FIELD = /"(?:formula|source)"\s*:\s*"((?:[^"\\]|\\.){1,256})/
const KERNELS_OF_TEXT = ['map', 'monte-carlo', 'custom']

/** `map:1b2c3d4e`; the name alone where the JSON has no text of that kernel. */
export function kernelLabel(kernel: string, json: string): string {
  const text = KERNELS_OF_TEXT.includes(kernel) ? TEXT_FIELD.exec(json)?.[1] : undefined
  return text === undefined ? kernel : `${kernel}:${hash(text).toString(16).padStart(8, '0')}`
}

/** FNV-1a over UTF-16 units: quick, and good enough for a hint. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return value >>> 0
}
