/**
 * Record batches (format 2) as they lie in a fetch response:
 *
 *   0 base offset i64 | 8 length of what follows i32 | 12 leader epoch i32 | 16 format i8 | 17 crc u32 | 21 attributes i16 | 23 last offset delta i32
 *   27 first timestamp i64 | 35 max timestamp i64 | 43 producer id i64 | 51 producer epoch i16 | 53 base sequence i32 | 57 record count i32 | 61 records
 *
 * Attributes: bits 0-2 compression, 3 time of the broker instead of the producer's, 4 transactional, 5 control.
 */
import { crc32c } from './crc32c.ts'
import type { AbortedTransaction } from './requests/fetch.ts'

export interface RecordBatch {
  readonly baseOffset: number
  readonly lastOffset: number
  readonly attributes: number
  readonly firstTimestampMs: number
  readonly maxTimestampMs: number
  readonly producerId: number
  readonly count: number
  /** The records, compressed as the attributes say; a view. */
  readonly records: Buffer
  readonly sizeBytes: number
}

const HEADER_BYTES = 61
const SIZE_BEFORE_LENGTH = 12
const CRC_AT = 17
const CHECKED_FROM = 21
const COMPRESSION = 0b111
const BROKER_TIME = 0b1000
const TRANSACTIONAL = 0b10000
const CONTROL = 0b100000
const ABORT_MARKER = 0

export const compressionOf = (batch: RecordBatch): number => batch.attributes & COMPRESSION
export const hasBrokerTime = (batch: RecordBatch): boolean => (batch.attributes & BROKER_TIME) !== 0

/**
 * All whole batches. Brokers hand out what lies in their files unseen, so it is checked here.
 * @throws {RangeError} for another format, or if bytes have changed since the batch was written
 */
export function readBatches(buffer: Buffer): RecordBatch[] {
  const batches: RecordBatch[] = []
  let at = 0
  while (at + HEADER_BYTES <= buffer.length) {
    const end = at + SIZE_BEFORE_LENGTH + buffer.readInt32BE(at + 8)
    const format = buffer[at + 16]
    if (format !== 2) throw new RangeError(`record format ${format} instead of 2, from Kafka before 0.11`)
    if (end > buffer.length) break
    if (end < at + HEADER_BYTES) throw new RangeError('a batch that is shorter than its header')
    if (crc32c(buffer.subarray(at + CHECKED_FROM, end)) !== buffer.readUInt32BE(at + CRC_AT)) {
      throw new RangeError('the checksum of the batch does not fit its bytes, which were damaged since it was written')
    }
    const baseOffset = int64(buffer, at)
    batches.push({
      baseOffset,
      lastOffset: baseOffset + buffer.readInt32BE(at + 23),
      attributes: buffer.readInt16BE(at + 21),
      firstTimestampMs: int64(buffer, at + 27),
      maxTimestampMs: int64(buffer, at + 35),
      producerId: int64(buffer, at + 43),
      count: buffer.readInt32BE(at + 57),
      records: buffer.subarray(at + HEADER_BYTES, end),
      sizeBytes: end - at,
    })
    at = end
  }
  return batches
}

/**
 * Those that hold committed records. A broker lists aborted transactions in the order of their ends; here they are opened in the order of their first
 * offsets, each before the first batch that reaches it, and closed by their producer's marker. A batch is of one producer and, if it is a control batch, of
 * nothing but markers.
 */
export function committedBatches(
  batches: readonly RecordBatch[],
  aborted: readonly AbortedTransaction[],
): readonly RecordBatch[] {
  const opening = [...aborted].sort((left, right) => left.firstOffset - right.firstOffset)
  const open = new Set<number>()
  let next = 0
  return batches.filter((batch) => {
    for (; next < opening.length && opening[next]!.firstOffset <= batch.lastOffset; next++) {
      open.add(opening[next]!.producerId)
    }
    if ((batch.attributes & CONTROL) !== 0) {
      if (isAbortMarker(batch)) open.delete(batch.producerId)
      return false
    }
    if ((batch.attributes & TRANSACTIONAL) !== 0 && open.has(batch.producerId)) return false
    return batch.count > 0
  })
}

/** Record: length, attributes, time and offset deltas of one byte each, then the key: length, version i16, type i16. */
function isAbortMarker({ count, records }: RecordBatch): boolean {
  return count > 0 && records.length >= 9 && records.readInt16BE(7) === ABORT_MARKER
}

function int64(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at) * 4294967296 + buffer.readUInt32BE(at + 4)
}
