import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crc32c } from '../../../connectors/kafka-client/crc32c.ts'
import { Reader, Writer } from '../../../connectors/kafka-client/wire.ts'

const read = (writer: Writer) => new Reader(Buffer.from(writer.bytesWritten()))

describe('wire', () => {
  it('reads back what it wrote, byte for byte', () => {
    const fields = fc.record({
      int32: fc.integer(),
      int64: fc.maxSafeInteger(),
      big: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
      text: fc.option(fc.string({ unit: 'grapheme' })),
      bytes: fc.option(fc.uint8Array()),
      unsigned: fc.nat({ max: 0xffffffff }),
      list: fc.array(fc.integer({ min: -128, max: 127 })),
    })
    fc.assert(
      fc.property(fields, ({ int32, int64, big, text, bytes, unsigned, list }) => {
        const writer = new Writer(1).int32(int32).int64(int64).int64(big).string(text).bytes(bytes)
        writer.uvarint(unsigned).varint(int32).varlong(int64).varbytes(bytes).compactString(text)
        writer.array(list, (each, item) => each.int8(item)).compactArray(list, (each, item) => each.int8(item))
        const reader = read(writer)
        const asBuffer = bytes === null ? null : Buffer.from(bytes)
        expect([reader.int32(), reader.int64(), reader.bigint64()]).toEqual([int32, int64, big])
        expect([reader.string(), reader.bytes()]).toEqual([text, asBuffer])
        expect([reader.uvarint(), reader.varint(), reader.varlong()]).toEqual([unsigned, int32, int64])
        expect([reader.varbytes(), reader.compactString()]).toEqual([asBuffer, text])
        expect([reader.array((each) => each.int8()), reader.compactArray((each) => each.int8())]).toEqual([list, list])
        expect(reader.remaining).toBe(0)
      }),
    )
  })

  it('puts a length in front of what was written before', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array({ maxLength: 20_000, size: 'max' }), (before, body) => {
        const writer = new Writer(1).raw(before)
        const at = writer.length
        writer.raw(body).insertVarint(at, body.length)
        const reader = read(writer)
        expect(reader.raw(before.length)).toEqual(Buffer.from(before))
        expect(reader.varbytes()).toEqual(Buffer.from(body))
        expect(reader.remaining).toBe(0)
      }),
    )
  })

  it('never reads past the end', () => {
    const reader = new Reader(Buffer.from([0, 0, 0, 9, 1]))
    expect(() => reader.bytes()).toThrow('9 bytes wanted at 4 of 5')
    expect(() => new Reader(Buffer.alloc(6, 0xff)).uvarint()).toThrow('a varint of more than 5 bytes')
  })
})

describe('CRC-32C', () => {
  it.each([
    ['', 0],
    ['123456789', 0xe3069283],
    ['The quick brown fox jumps over the lazy dog', 0x22620404],
  ])('of %j', (text, expected) => {
    expect(crc32c(Buffer.from(text))).toBe(expected)
  })

  it('of a part is that of the part alone', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), fc.uint8Array(), (before, part, after) => {
        const whole = Buffer.concat([before, part, after])
        expect(crc32c(whole, before.length, before.length + part.length)).toBe(crc32c(part))
      }),
    )
  })
})
