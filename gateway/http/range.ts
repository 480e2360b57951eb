/** The `Range` of a request (RFC 9110): one range of bytes; anything else is as if it were not there. */
import type { ByteRange } from '../../topology/blobs/port.ts'

/** `null`: send the whole. `unsatisfiable`: it begins beyond the end. */
export function rangeOf(header: string | undefined, sizeBytes: number): ByteRange | null | 'unsatisfiable' {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? []
  if (first === undefined || last === undefined || (first === '' && last === '')) return null
  if (first === '') {
    const length = Math.min(Number(last), sizeBytes)
    return length === 0 ? 'unsatisfiable' : { from: sizeBytes - length, to: sizeBytes }
  }
  const from = Number(first)
  const to = last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes)
  if (last !== '' && Number(last) < from) return null
  return from >= sizeBytes ? 'unsatisfiable' : { from, to }
}
