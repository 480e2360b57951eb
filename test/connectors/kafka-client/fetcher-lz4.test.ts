import { describe, expect, it } from 'vitest'
import { unpackLz4 } from '../../../connectors/kafka-client/fetcher-lz4.ts'
import { fc } from '../../support/fast-check.ts'

const HEADER = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82])
const END = Buffer.alloc(4)
const MIB = 1024 * 1024

function block(bytes: Buffer, stored: boolean): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt32LE(stored ? bytes.length + 0x80000000 : bytes.length)
  return Buffer.concat([head, bytes])
}

const frame = (...blocks: readonly Buffer[]): Buffer => Buffer.concat([HEADER, ...blocks, END])

describe('LZ4 frames', () => {
  it('give stored blocks back as they are', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 5_000 }), { maxLength: 5 }), (parts) => {
        const blocks = parts.map((part) => block(Buffer.from(part), true))
        expect(unpackLz4(frame(...blocks), MIB)).toEqual(Buffer.concat(parts))
      }),
    )
  })

  const LITERALS_THEN_MATCH = Buffer.from([0x20, 0x61, 0x62, 0x02, 0x00, 0x10, 0x63])
  const LONG_MATCH = Buffer.from([0x1f, 0x61, 0x01, 0x00, 0xff, 0x05, 0x00])

  it.each([
    ['a match that overlaps what it writes', LITERALS_THEN_MATCH, 'abababc'],
    ['a length of several bytes', LONG_MATCH, 'a'.repeat(1 + 4 + 15 + 255 + 5)],
  ])('unpack %s', (_, bytes, expected) => {
    expect(unpackLz4(frame(block(bytes, false)), MIB).toString()).toBe(expected)
  })

  it('may refer to what an earlier block held', () => {
    const match = Buffer.from([0x00, 0x04, 0x00, 0x00])
    const text = unpackLz4(frame(block(Buffer.from('wxyz'), true), block(match, false)), MIB).toString()
    expect(text).toBe('wxyzwxyz')
  })

  it('are refused when broken, and never read or written out of bounds', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          expect(unpackLz4(frame(block(Buffer.from(bytes), false)), MIB).length).toBeLessThanOrEqual(MIB)
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
      }),
      { numRuns: 2_000 },
    )
    expect(() => unpackLz4(Buffer.from('no frame at all'), MIB)).toThrow('no LZ4 frame')
    expect(() => unpackLz4(frame(block(Buffer.alloc(2_000), true)), 1_000)).toThrow('more than 1000 bytes')
  })
})
