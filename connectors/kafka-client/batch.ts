/**
 * Record batches as producers write them (magic 2):
 *
 *     baseOffset int64 = 0 | length int32 | leaderEpoch int32 = -1 | magic int8 = 2 | crc uint32 of all that follows
 *     attributes int16 (codec in bits 0-2, bit 4 transactional) | lastOffsetDelta int32 | baseTimestamp int64 | maxTimestamp int64
 *     producerId int64 | producerEpoch int16 | baseSequence int32 | count int32 | records, packed if the codec says so
 *
 * and a record: length varint | attributes int8 = 0 | timestampDelta varlong | offsetDelta varint | key, value as varbytes | headers
 */
import type { KafkaRecord } from './contract.ts'
import { crc32c } from './crc32c.ts'
import { packs } from './packing.ts'
import { REFERENCE_FROM_BYTES, varintSize, type Writer } from './wire.ts'
import { ZSTD, zstdPack } from './zstd.ts'

export interface BatchStamp {
  /** For records without a timestamp. */
  readonly nowMs: number
  /** -1: not idempotent. */
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly transactional: boolean
}

const TRANSACTIONAL = 0x10
const BATCH_HEADER_BYTES = 61

/** Writes the batch with its size in front, as Produce wants it. Values must not change any more. */
export function writeBatch(
  writer: Writer,
  records: readonly KafkaRecord[],
  baseSequence: number,
  stamp: BatchStamp,
): void {
  const sizeAt = writer.reserve(4)
  const before = writer.size
  const times = timesOf(records, stamp.nowMs)
  writer.int64(0)
  const lengthAt = writer.reserve(4)
  writer.int32(-1).int8(2)
  const crcAt = writer.reserve(4)
  const attributesAt = writer.reserve(2)
  writer
    .int32(records.length - 1)
    .int64(times.first)
    .int64(times.last)
  writer.int64(stamp.producerId).int16(stamp.producerEpoch).int32(baseSequence).int32(records.length)
  const packed = writeRecords(writer, records, times.first, stamp.nowMs)
  writer.setInt16(attributesAt, (packed ? ZSTD : 0) | (stamp.transactional ? TRANSACTIONAL : 0))
  const size = writer.size - before
  writer.setInt32(sizeAt, size).setInt32(lengthAt, size - 12)
  writer.setUint32(
    crcAt,
    writer.parts(attributesAt).reduce((crc, part) => crc32c(part, crc), 0),
  )
}

/** True if they were packed. */
function writeRecords(writer: Writer, records: readonly KafkaRecord[], firstMs: number, nowMs: number): boolean {
  const pack = packs(records)
  const from = writer.length
  for (let index = 0; index < records.length; index++) {
    const record = records[index]!
    writeRecord(writer, record, index, (record.timestampMs ?? nowMs) - firstMs, pack)
  }
  if (!pack) return false
  const packed = zstdPack(writer.ownBytes(from))
  if (packed.length >= writer.length - from) return false
  writer.truncate(from).raw(packed)
  return true
}

function writeRecord(
  writer: Writer,
  { key, value, headers }: KafkaRecord,
  offsetDelta: number,
  timestampDelta: number,
  together: boolean,
): void {
  let size = 1 + varintSize(timestampDelta) + varintSize(offsetDelta) + sizeOfBytes(key) + sizeOfBytes(value)
  size += varintSize(headers.length)
  for (const [name, content] of headers) {
    const length = Buffer.byteLength(name)
    size += varintSize(length) + length + sizeOfBytes(content)
  }
  writer.varint(size).int8(0).varlong(timestampDelta).varint(offsetDelta).varbytes(key)
  if (value === null || together) writer.varbytes(value)
  else writer.varint(value.length).reference(value)
  writer.varint(headers.length)
  for (const [name, content] of headers) writer.varstring(name).varbytes(content)
}

const sizeOfBytes = (bytes: Uint8Array | null): number => (bytes === null ? 1 : varintSize(bytes.length) + bytes.length)

function timesOf(records: readonly KafkaRecord[], nowMs: number): { readonly first: number; readonly last: number } {
  let last = Number.NEGATIVE_INFINITY
  for (const { timestampMs } of records) last = Math.max(last, timestampMs ?? nowMs)
  return { first: records[0]?.timestampMs ?? nowMs, last }
}

/** Room that a request needs for such a batch, so that it need not grow; more where large values are packed. */
export function roomForBatch(records: readonly KafkaRecord[]): number {
  let size = BATCH_HEADER_BYTES + 64
  for (const record of records) {
    const bytes = record.value?.length ?? 0
    size += sizeOfRecord(record) - (bytes < REFERENCE_FROM_BYTES ? 0 : bytes)
  }
  return size
}

/** Bytes of a record before packing, within a few. */
export function sizeOfRecord(record: KafkaRecord): number {
  let size = 24 + (record.key?.length ?? 0) + (record.value?.length ?? 0)
  for (const [name, value] of record.headers) size += name.length + value.length + 4
  return size
}

/** Above it a batch is cut, unless one record alone is larger: below the brokers' default limit of 1,048,588 whatever packing makes of it. */
export const MAX_BATCH_BYTES = 1_000_000
