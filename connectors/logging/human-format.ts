/** Log lines for a person at a terminal. */

const COLOURS: { readonly [level: string]: number } = { ERROR: 31, WARN: 33, INFO: 32, DEBUG: 90 }
const DIM = 90

const colour = (code: number, text: string): string => `\u001b[${code}m${text}\u001b[0m`

/** One JSON line as `12:34:56.789 WARN component message name=value ...`; errors with their stack below. */
export function humanLine(line: string): string {
  const { timestamp, level, component, message, error, ...rest } = JSON.parse(line) as { [name: string]: unknown }
  const head = [
    colour(DIM, String(timestamp).slice(11, 23)),
    colour(COLOURS[String(level)] ?? DIM, String(level).padEnd(5)),
    ...(component === undefined ? [] : [colour(DIM, harmless(String(component)))]),
    harmless(String(message ?? '')),
  ]
  const fields = Object.entries(rest).map(([name, value]) => colour(DIM, `${harmless(name)}=`) + harmless(shown(value)))
  return `${[...head, ...fields].join(' ')}${error === undefined || error === null ? '' : `\n${errorShown(error)}`}\n`
}

/** What would begin a line of its own, or steer the terminal, is shown as an escape: texts come from outside. */
function harmless(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, (char) => {
    const code = char.codePointAt(0)!
    return code > 0xff ? `\\u${code.toString(16)}` : `\\x${code.toString(16).padStart(2, '0')}`
  })
}

function shown(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)
}

function errorShown(error: unknown): string {
  const { stack, message } = error as { readonly stack?: string; readonly message?: string }
  const text = stack ?? message ?? JSON.stringify(error)
  return text
    .split('\n')
    .map((line) => `  ${harmless(line)}`)
    .join('\n')
}
