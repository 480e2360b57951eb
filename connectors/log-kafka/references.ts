/**
 * Values of the changelog that are kept as a place in `ingest`, since the same bytes lie there already:
 *
 *     255 | form uint8 = 1 | offset uint64 | from uint32 | length uint32 | crc32c of the whole value uint32 | first bytes of the value
 *
 * followed by `length` bytes of the record's value from `from` on. No row begins with 255.
 */
import { LogError } from '../../topology/log/port.ts'
import { crc32c } from '../kafka-client/crc32c.ts'

const MARK = 255
const FORM = 1
const HEADER_BYTES = 22
/** What may precede the common part in a row: its version and the length of its text. */
const OWN_BYTES = 8
/** A row holds most of its record, which has little besides. Also bounds the search. */
const MOST_BESIDES = 4 * 1024
const PROBE_BYTES = 32
const MOST_PROBES = 4

export interface Reference {
  readonly offset: number
  readonly from: number
  readonly length: number
  readonly crc: number
  readonly begin: Uint8Array
}

/** `null` if the value, but for its first bytes, does not lie in the record's. */
export function referTo(value: Uint8Array, offset: number, source: Uint8Array): Uint8Array | null {
  const length = value.length - OWN_BYTES
  if (length < PROBE_BYTES) return null
  const from = placeOf(bufferOf(value).subarray(OWN_BYTES), bufferOf(source))
  if (from < 0) return null
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + OWN_BYTES)
  bytes[0] = MARK
  bytes[1] = FORM
  bytes.writeBigUInt64BE(BigInt(offset), 2)
  bytes.writeUInt32BE(from, 10)
  bytes.writeUInt32BE(length, 14)
  bytes.writeUInt32BE(crc32c(value), 18)
  bytes.set(value.subarray(0, OWN_BYTES), HEADER_BYTES)
  return bytes
}

/** Where the text lies; -1: nowhere, or not found with little effort. What is submitted must not be able to make the search long. */
function placeOf(text: Buffer, source: Buffer): number {
  const last = source.length - text.length
  if (last < 0 || last > MOST_BESIDES) return -1
  const begins = source.subarray(0, last + PROBE_BYTES)
  const probe = text.subarray(0, PROBE_BYTES)
  let from = -1
  for (let tries = 0; tries < MOST_PROBES; tries++) {
    from = begins.indexOf(probe, from + 1)
    if (from < 0 || text.equals(source.subarray(from, from + text.length))) return from
  }
  return -1
}

/** `null`: it is the value itself, or a form that is not known, which nobody takes for a row. */
export function referenceOf(value: Uint8Array | null): Reference | null {
  if (value === null || value.length < HEADER_BYTES || value[0] !== MARK || value[1] !== FORM) return null
  const bytes = bufferOf(value)
  return {
    offset: Number(bytes.readBigUInt64BE(2)),
    from: bytes.readUInt32BE(10),
    length: bytes.readUInt32BE(14),
    crc: bytes.readUInt32BE(18),
    begin: bytes.subarray(HEADER_BYTES),
  }
}

/** The value. @throws {LogError} `OFFSET_OUT_OF_RANGE` if the record is not the one that was referred to */
export function resolveIn({ offset, from, length, crc, begin }: Reference, source: Uint8Array | null): Uint8Array {
  const part = source?.subarray(from, from + length) ?? new Uint8Array(0)
  const value = Buffer.concat([begin, part])
  if (part.length === length && crc32c(value) === crc) return value
  const message = `the state refers to record ${offset} of ingest, which is not the one that was there: records were deleted or cut`
  throw new LogError('OFFSET_OUT_OF_RANGE', message)
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
