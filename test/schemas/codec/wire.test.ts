import { describe, expect, test } from 'vitest'
import { DecodeError, decodeRecord, encodeRecord, MAGIC, schemaIdOf } from '../../../schemas/codec/wire.ts'
import { type BeamlineRecord, RECORDS } from '../../../schemas/records/index.ts'
import { fc } from '../../support/fast-check.ts'
import { arbitraryOf } from '../arbitrary-record.ts'

const definitions = Object.values(RECORDS)
const anyRecord = fc.oneof(...definitions.map((def) => arbitraryOf(def.type))) as fc.Arbitrary<BeamlineRecord>
const sample: BeamlineRecord = { kind: 'CancelStep', runId: 'r', stepId: 's', attempt: 3 } as BeamlineRecord

/** Values as plain data: Avro makes instances of its own classes. */
const plain = (value: unknown): unknown => structuredClone(value)

describe('the wire form', () => {
  test.each(definitions)('of $kind gives back what went in', (def) => {
    fc.assert(
      fc.property(arbitraryOf(def.type) as fc.Arbitrary<BeamlineRecord>, (record) => {
        expect(plain(decodeRecord(encodeRecord(record)))).toEqual(plain(record))
      }),
      { numRuns: 50 },
    )
  })

  test('begins with 0x00 and the schema id: record number * 256 + version', () => {
    const bytes = encodeRecord(sample)
    expect(bytes[0]).toBe(MAGIC)
    expect(bytes.readUInt32BE(1)).toBe(21 * 256 + 1)
    expect(schemaIdOf('CancelStep')).toBe(21 * 256 + 1)
  })

  test('of one record is not changed by encoding others, whatever their size', () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { maxLength: 20 }), fc.integer({ min: 0, max: 400_000 }), (records, size) => {
        const large = { ...sample, stepId: 'x'.repeat(size) } as BeamlineRecord
        const all = [...records, large, ...records]
        const bytes = all.map((record) => encodeRecord(record))
        expect(bytes.map((value) => plain(decodeRecord(value)))).toEqual(all.map(plain))
      }),
      { numRuns: 20 },
    )
  })

  test.each([
    ['nothing', Buffer.alloc(0), 'RECORD_EMPTY', /empty/],
    ['text', Buffer.from('hello'), 'RECORD_NOT_AVRO', /0x68.*expected 0x00/],
    ['a header cut short', Buffer.from([0, 0, 0]), 'RECORD_NOT_AVRO', /3 bytes/],
    ['an unknown schema', Buffer.from([0, 0, 0, 0xff, 0xff, 1]), 'SCHEMA_UNKNOWN', /record 255, version 255/],
    ['a later version', Buffer.from([0, 0, 0, 21, 99, 1]), 'SCHEMA_UNKNOWN', /record 21, version 99/],
    ['bytes cut short', encodeRecord(sample).subarray(0, 7), 'RECORD_CORRUPT', /do not match schema/],
    [
      'bytes too many',
      Buffer.concat([encodeRecord(sample), Buffer.from([1])]),
      'RECORD_CORRUPT',
      /do not match schema/,
    ],
  ])('of %s is refused', (_, bytes, code, message) => {
    expect(() => decodeRecord(bytes)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    )
  })

  test('decodes or refuses any bytes, and never fails otherwise', () => {
    const numbers = fc.constantFrom(...Object.keys(RECORDS).map(Number))
    fc.assert(
      fc.property(numbers, fc.uint8Array({ maxLength: 200 }), (number, bytes) => {
        const value = Buffer.concat([Buffer.from([0, 0, 0, number, 1]), bytes])
        try {
          decodeRecord(value)
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError)
        }
      }),
      { numRuns: 2_000 },
    )
  })
})
