/** Unpacks the records of a batch. Foreign producers choose their compression, so all four of Kafka's can be read. */
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import snappy from 'snappyjs'
import { unpackLz4 } from './fetcher-lz4.ts'

/** A batch of the broker's largest size may unpack to far more than memory holds; beyond this it is refused. */
export const MAX_UNPACKED_BYTES = 128 * 1024 * 1024

const CODECS: Readonly<Record<number, readonly [name: string, unpack: (packed: Buffer) => Buffer]>> = {
  1: ['gzip', (packed) => gunzipSync(packed, { maxOutputLength: MAX_UNPACKED_BYTES })],
  2: ['snappy', unpackSnappy],
  3: ['lz4', (packed) => unpackLz4(packed, MAX_UNPACKED_BYTES)],
  4: ['zstd', (packed) => zstdDecompressSync(packed, { maxOutputLength: MAX_UNPACKED_BYTES })],
}

/** `codec` is the number in the batch's attributes. @throws {RangeError} */
export function unpack(codec: number, packed: Buffer): Buffer {
  const found = CODECS[codec]
  if (found === undefined) throw new RangeError(`compression ${codec} is not known`)
  const [name, decompress] = found
  try {
    return decompress(packed)
  } catch (error) {
    throw new RangeError(`records that are not valid ${name}: ${(error as Error).message}`, { cause: error })
  }
}

/** Java wraps Snappy in chunks: this magic, two versions i32, then for each chunk its size i32 and a Snappy block. Others send one bare block. */
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0])
const XERIAL_HEADER_BYTES = 16

function unpackSnappy(packed: Buffer): Buffer {
  if (!packed.subarray(0, XERIAL.length).equals(XERIAL)) return snappy.uncompress(packed, MAX_UNPACKED_BYTES)
  const parts: Buffer[] = []
  let room = MAX_UNPACKED_BYTES
  let at = XERIAL_HEADER_BYTES
  while (at < packed.length) {
    const size = packed.readInt32BE(at)
    at += 4
    if (size < 0 || at + size > packed.length) throw new RangeError(`a chunk of ${size} bytes at ${at}`)
    const part = snappy.uncompress(packed.subarray(at, at + size), room)
    room -= part.length
    parts.push(part)
    at += size
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
}
