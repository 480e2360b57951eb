import { describe, expect, it } from 'vitest'
import { crc32c, portableCrc32c } from '../../../connectors/kafka-client/crc32c.ts'
import { Reader, varintSize, Writer } from '../../../connectors/kafka-client/wire.ts'
import { fc } from '../../support/fast-check.ts'

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

  it('writes the same whether a value is copied or referred to', () => {
    const small = fc.uint8Array({ maxLength: 40 })
    const any = fc.oneof(
      small,
      fc.integer({ min: 16_000, max: 17_000 }).map((length) => new Uint8Array(length).fill(7)),
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(small, any), { maxLength: 6 }), (pairs) => {
        const copied = new Writer(1)
        const referring = new Writer(1)
        for (const [own, value] of pairs) {
          copied.raw(own).raw(value)
          referring.raw(own).reference(value)
        }
        expect(referring.size).toBe(copied.length)
        expect(Buffer.compare(referring.bytesWritten(), copied.bytesWritten())).toBe(0)
      }),
    )
  })

  it('tells the parts from a place on', () => {
    const writer = new Writer(1).raw(Buffer.from('ab')).reference(Buffer.alloc(20_000, 1)).raw(Buffer.from('cd'))
    const from = writer.length
    writer.raw(Buffer.from('ef')).reference(Buffer.alloc(20_000, 2)).int8(3)
    expect(writer.parts(from).map((part) => [part.length, part[0]])).toEqual([
      [2, 0x65],
      [20_000, 2],
      [1, 3],
    ])
    expect(writer.ownBytes(from)).toEqual(Buffer.from('ef\x03'))
  })

  it('knows the size of every varint', () => {
    fc.assert(
      fc.property(fc.oneof(fc.integer(), fc.maxSafeInteger()), (value) => {
        expect(varintSize(value)).toBe(new Writer(1).varlong(value).length)
      }),
    )
  })

  it('never reads past the end', () => {
    const reader = new Reader(Buffer.from([0, 0, 0, 9, 1]))
    expect(() => reader.bytes()).toThrow('9 bytes wanted at 4 of 5')
    expect(() => new Reader(Buffer.alloc(6, 0xff)).uvarint()).toThrow('a varint of more than 5 bytes')
  })
})

describe.each([
  ['as chosen for this machine', crc32c],
  ['portable', portableCrc32c],
])('CRC-32C, %s', (_, checksum) => {
  it.each([
    ['', 0],
    ['123456789', 0xe3069283],
    ['The quick brown fox jumps over the lazy dog', 0x22620404],
  ])('of %j', (text, expected) => {
    expect(checksum(Buffer.from(text))).toBe(expected)
  })

  it('goes on from that of what lies before', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array({ maxLength: 300 }), (before, part) => {
        expect(checksum(part, checksum(before))).toBe(portableCrc32c(Buffer.concat([before, part])))
      }),
    )
  })
})
