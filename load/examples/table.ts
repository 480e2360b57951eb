/** A table for people: columns as wide as what stands in them, numbers to the right. */
export function tableOf(heads: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const texts = [heads, ...rows].map((row) => row.map(String))
  const widths = heads.map((_, column) => Math.max(...texts.map((row) => row[column]!.length)))
  const isNumber = heads.map(
    (_, column) => rows.length > 0 && texts.slice(1).every((row) => /^-?\d[\d.]*$/.test(row[column]!)),
  )
  const lines = texts.map((row) =>
    row.map((text, column) => (isNumber[column] ? text.padStart(widths[column]!) : text.padEnd(widths[column]!))),
  )
  return lines.map((cells) => `  ${cells.join('  ')}`.trimEnd()).join('\n')
}
