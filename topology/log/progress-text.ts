/**
 * Progress as a short text, for logs that store a string beside an offset (Kafka: 4,096 bytes of commit metadata).
 *
 *     1;<next>;<gap>.<length>;<gap>.<length>...
 *
 * Numbers are base 36. A gap is counted from the end of the run before it (the first one from `next`). Too many runs: the farthest are
 * left out, which is safe, since a record that is not known to be finished is run again under the same attempt.
 */
import type { Progress } from './port.ts'

export const PROGRESS_TEXT_MAX_BYTES = 4_096
const FORMAT = '1'
const NUMBER = /^[0-9a-z]{1,11}$/

export function encodeProgress(progress: Progress, maxBytes: number = PROGRESS_TEXT_MAX_BYTES): string {
  let text = `${FORMAT};${progress.next.toString(36)}`
  let end = progress.next
  for (const [from, to] of progress.beyond) {
    const run = `;${(from - end).toString(36)}.${(to - from).toString(36)}`
    if (text.length + run.length > maxBytes) break
    text += run
    end = to
  }
  return text
}

/** @throws {SyntaxError} that says what was found and what was expected. */
export function decodeProgress(text: string): Progress {
  const [format, next, ...runs] = text.split(';')
  if (format !== FORMAT || next === undefined) {
    throw new SyntaxError(`progress text begins with '${text.slice(0, 20)}'; expected '${FORMAT};' and an offset`)
  }
  const start = number(next, text)
  const beyond: [from: number, to: number][] = []
  let end = start
  for (const run of runs) {
    const [gap, length, ...rest] = run.split('.')
    if (rest.length > 0) throw new SyntaxError(`progress text has the run '${run}'; expected '<gap>.<length>'`)
    const from = end + number(gap, text)
    end = from + number(length, text)
    if (from === start || end === from) throw new SyntaxError(`progress text has the empty run or gap '${run}'`)
    beyond.push([from, end])
  }
  if (!Number.isSafeInteger(end)) throw new SyntaxError('progress text names an offset beyond the safe integers')
  return { next: start, beyond }
}

function number(digits: string | undefined, text: string): number {
  if (digits === undefined || !NUMBER.test(digits)) {
    throw new SyntaxError(
      `progress text has '${digits ?? ''}' where a base 36 number is expected: '${text.slice(0, 80)}'`,
    )
  }
  return Number.parseInt(digits, 36)
}
