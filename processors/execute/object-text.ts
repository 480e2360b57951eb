const SHOWN = 6
const NAME_CHARS = 40

/** An object in an error: with its first fields, which say sooner than anything else what was referred to. */
export function objectText(value: object): string {
  const names = Object.keys(value)
  if (names.length === 0) return 'an object without fields'
  const shown = names.slice(0, SHOWN).map((name) => name.slice(0, NAME_CHARS))
  return `an object with ${shown.join(', ')}${names.length > SHOWN ? ', ...' : ''}`
}
