/** Bodies of lines: one JSON value each, in NDJSON. */
import { isAscii } from 'node:buffer'
import { RequestError } from './errors.ts'

const NEWLINE = 0x0a

export interface Line {
  /** From 1; blank lines count too. */
  readonly number: number
  readonly bytes: Uint8Array
  /** The same as text, where the whole body is ASCII: it costs next to nothing then. */
  readonly text: string | null
}

/** Lines that are not blank. @throws {RequestError} when there are none, or more than `maxLines` */
export function linesOf(body: unknown, maxLines: number): readonly Line[] {
  const bytes = body instanceof Uint8Array ? body : new Uint8Array()
  const whole = isAscii(bytes) ? asciiText(bytes) : null
  const lines: Line[] = []
  let number = 0
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(NEWLINE, start)
    const end = newline < 0 ? bytes.length : newline
    const line = bytes.subarray(start, end)
    number++
    if (!isBlank(line)) lines.push({ number, bytes: line, text: whole === null ? null : whole.slice(start, end) })
    if (lines.length > maxLines) {
      throw new RequestError('payload_too_large', `the body has more than ${maxLines} lines; send them in parts`, {
        details: { code: 'TOO_MANY_LINES', expected: maxLines },
      })
    }
    start = end + 1
  }
  if (lines.length > 0) return lines
  throw new RequestError('invalid_request', 'the body is empty; expected a JSON object a line', {
    details: { code: 'EMPTY_BODY' },
  })
}

function asciiText({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString('latin1')
}

function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d)
}
