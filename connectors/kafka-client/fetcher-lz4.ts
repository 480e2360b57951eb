/**
 * Unpacks LZ4 frames (github.com/lz4/lz4, `doc/lz4_Frame_format.md` and `doc/lz4_Block_format.md`), without their optional checksums: the broker has checked the
 * batch's own.
 */

const MAGIC = 0x184d2204
const VERSION_1 = 0b01
const STORED = 0x80000000

/** @throws {RangeError} if it is no LZ4 frame, or would be larger than `maxBytes` */
export function unpackLz4(packed: Buffer, maxBytes: number): Buffer {
  if (packed.length < 7 || packed.readUInt32LE(0) !== MAGIC) throw new RangeError('no LZ4 frame')
  const flags = packed[4]!
  if (flags >> 6 !== VERSION_1) throw new RangeError(`LZ4 frame version ${flags >> 6}`)
  const blockChecksum = (flags & 0b10000) !== 0 ? 4 : 0
  const maxBlockBytes = 1 << (8 + 2 * ((packed[5]! >> 4) & 0b111))
  let at = 7 + ((flags & 0b1000) !== 0 ? 8 : 0) + ((flags & 1) !== 0 ? 4 : 0)
  // blocks may refer to what was unpacked before them: all into one buffer
  let output: Buffer = Buffer.allocUnsafe(Math.min(maxBytes, Math.max(1024, packed.length * 4)))
  let length = 0
  for (;;) {
    const head = packed.readUInt32LE(at)
    at += 4
    if (head === 0) return output.subarray(0, length)
    const size = head & ~STORED
    if (size > packed.length - at) throw new RangeError(`an LZ4 block of ${size} bytes at ${at}`)
    const block = packed.subarray(at, at + size)
    const needed = length + Math.max(maxBlockBytes, size)
    if (length + size > maxBytes && head >= STORED) throw new RangeError(`more than ${maxBytes} bytes`)
    if (needed > output.length) output = grown(output, length, Math.min(maxBytes, Math.max(needed, output.length * 2)))
    length = head >= STORED ? length + block.copy(output, length) : unpackBlock(block, output, length)
    at += size + blockChecksum
  }
}

function grown(buffer: Buffer, used: number, size: number): Buffer {
  const larger = Buffer.allocUnsafe(size)
  buffer.copy(larger, 0, 0, used)
  return larger
}

/** Answers where the output ends. */
function unpackBlock(block: Buffer, output: Buffer, start: number): number {
  let at = 0
  let to = start
  const extended = (nibble: number): number => {
    let size = nibble
    if (nibble === 15) {
      let more = 255
      while (more === 255) {
        more = block.readUInt8(at++)
        size += more
      }
    }
    return size
  }
  while (at < block.length) {
    const token = block[at++]!
    const literals = extended(token >> 4)
    if (at + literals > block.length || to + literals > output.length)
      throw new RangeError('LZ4 literals out of bounds')
    block.copy(output, to, at, at + literals)
    to += literals
    at += literals
    if (at === block.length) break
    const distance = block.readUInt16LE(at)
    at += 2
    const size = extended(token & 15) + 4
    if (distance === 0 || distance > to || to + size > output.length) throw new RangeError('an LZ4 match out of bounds')
    // byte by byte: a match may overlap what it writes
    for (const end = to + size; to < end; to++) output[to] = output[to - distance]!
  }
  return to
}
