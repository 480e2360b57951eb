import { zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { KafkaRecord, StoredRecord } from '../../../connectors/kafka-client/contract.ts'
import { readBatches } from '../../../connectors/kafka-client/fetcher-batch.ts'
import { BatchReader } from '../../../connectors/kafka-client/fetcher-records.ts'
import { fc } from '../../support/fast-check.ts'
import { dataBatch, recordOf, sealed } from './batches.ts'

const bytes = fc.uint8Array({ maxLength: 300 }).map((each) => Buffer.from(each))
const record = fc.record({
  topic: fc.constant('t'),
  partition: fc.constant(0),
  key: fc.option(bytes, { nil: null }),
  value: fc.option(bytes, { nil: null }),
  headers: fc.array(fc.tuple(fc.string({ unit: 'binary', maxLength: 80 }), bytes), { maxLength: 4 }),
  timestampMs: fc.integer({ min: 0, max: 2 ** 45 }),
})

function readAll(batch: Buffer, from: number, max: number): StoredRecord[] {
  const reader = new BatchReader(readBatches(batch)[0]!, from)
  const found: StoredRecord[] = []
  while (!reader.done) {
    const part: StoredRecord[] = []
    reader.read('t', 0, max, part)
    expect(part.length).toBeLessThanOrEqual(max)
    found.push(...part)
    expect(reader.nextOffset).toBe(found.length === 0 ? from : found.at(-1)!.offset + 1)
  }
  return found
}

describe('records of a batch', () => {
  it('are read as they were written, however few at a time', () => {
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 25 }),
        fc.nat(30),
        (records, max, skipped) => {
          const found = readAll(dataBatch(100, records, null), 100 + skipped, max)
          const expected = records.map((each, index): KafkaRecord & { offset: number } => ({
            ...each,
            offset: 100 + index,
          }))
          expect(found).toEqual(expected.slice(skipped))
        },
      ),
    )
  })

  it('are refused when bytes are missing or changed, or read as some records, but never more than the batch has', () => {
    const batch = dataBatch(0, [recordOf('one', { headers: [['name', Buffer.from('x')]] }), recordOf('two')], null)
    fc.assert(
      fc.property(fc.integer({ min: 61, max: batch.length - 1 }), fc.nat(255), (at, byte) => {
        const broken = Buffer.from(batch)
        broken[at] = byte
        try {
          expect(readAll(broken, 0, 10).length).toBeLessThanOrEqual(2)
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
      }),
    )
    const cut = Buffer.from(batch.subarray(0, batch.length - 3))
    cut.writeInt32BE(cut.length - 12, 8)
    expect(() => readAll(cut, 0, 10)).toThrow(RangeError)
  })

  it('are refused when they unpack to more than memory should hold', () => {
    const plain = dataBatch(0, [recordOf('one')], null)
    const packed = zstdCompressSync(Buffer.alloc(130 * 1024 * 1024))
    const bomb = Buffer.concat([plain.subarray(0, 61), packed])
    bomb.writeInt32BE(bomb.length - 12, 8)
    bomb.writeInt16BE(4, 21)
    expect(() => readAll(sealed(bomb), 0, 1)).toThrow('records that are not valid zstd')
  })
})
