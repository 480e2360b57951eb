/** Record batches as a broker would keep them, for tests. */
import { type BatchStamp, writeBatch } from '../../../connectors/kafka-client/batch.ts'
import type { KafkaRecord } from '../../../connectors/kafka-client/contract.ts'
import { crc32c } from '../../../connectors/kafka-client/crc32c.ts'
import { Writer } from '../../../connectors/kafka-client/wire.ts'

const OUTSIDE: BatchStamp = { nowMs: 1_000, producerId: -1n, producerEpoch: -1, transactional: false }
const CONTROL_ATTRIBUTES = 0x30

export function dataBatch(baseOffset: number, records: readonly KafkaRecord[], producerId: number | null): Buffer {
  const stamp = producerId === null ? OUTSIDE : { ...OUTSIDE, producerId: BigInt(producerId), transactional: true }
  const writer = new Writer()
  writeBatch(writer, records, 0, stamp)
  return placed(Buffer.from(writer.bytesWritten().subarray(4)), baseOffset)
}

/** The end of a transaction. */
export function markerBatch(offset: number, producerId: number, type: 'abort' | 'commit'): Buffer {
  const key = new Writer().int16(0).int16(type === 'abort' ? 0 : 1)
  const record = new Writer().int8(0).varlong(0).varint(0)
  record.varbytes(key.bytesWritten()).varbytes(Buffer.alloc(6)).varint(0)
  const writer = new Writer().int64(0).int32(0).int32(-1).int8(2).int32(0)
  writer.int16(CONTROL_ATTRIBUTES).int32(0).int64(1_000).int64(1_000).int64(BigInt(producerId)).int16(0).int32(-1)
  writer.int32(1).varint(record.length).raw(record.bytesWritten())
  writer.setInt32(8, writer.length - 12)
  return placed(Buffer.from(writer.bytesWritten()), offset)
}

export function recordOf(value: string | Uint8Array, more: Partial<KafkaRecord> = {}): KafkaRecord {
  return { topic: 't', partition: 0, key: null, value: Buffer.from(value), headers: [], ...more }
}

/** With the checksum of what it holds now. */
export function sealed(batch: Buffer): Buffer {
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17)
  return batch
}

function placed(batch: Buffer, baseOffset: number): Buffer {
  batch.writeBigInt64BE(BigInt(baseOffset), 0)
  return sealed(batch)
}
