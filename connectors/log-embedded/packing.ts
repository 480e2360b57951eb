/**
 * How bytes lie in the file: a byte that says how they are packed (0 as they are, 1 zstd), then the bytes. Payloads repeat a great deal within a
 * group (a submission, its event, its row of state), so that packing saves most of what has to be written.
 *
 * The data of a row of `batches`, packed, is a run of frames: `uint` offset of the first record, `blob` the batch (`batch-codec.ts`).
 */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { ByteReader, type ByteWriter } from './bytes.ts'

const PLAIN = 0
const ZSTD = 1
/** Less is not worth the call. */
const LEAST_BYTES = 1024
const OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

export interface Frame {
  readonly base: number
  readonly data: Uint8Array
}

export function pack(bytes: Uint8Array): Uint8Array {
  const packed = bytes.length < LEAST_BYTES ? bytes : zstdCompressSync(bytes, OPTIONS)
  const smaller = packed.length < bytes.length
  const out = new Uint8Array(1 + (smaller ? packed.length : bytes.length))
  out[0] = smaller ? ZSTD : PLAIN
  out.set(smaller ? packed : bytes, 1)
  return out
}

/** @throws {RangeError} if the bytes were not packed by {@link pack} */
export function unpack(packed: Uint8Array): Uint8Array {
  const rest = packed.subarray(1)
  if (packed[0] === PLAIN) return rest
  if (packed[0] === ZSTD) return zstdDecompressSync(rest)
  throw new RangeError(`stored bytes are packed in form ${packed[0]}; expected ${PLAIN} or ${ZSTD}`)
}

export function writeFrame(out: ByteWriter, base: number, batch: Uint8Array): void {
  out.uint(base)
  out.blob(batch)
}

/** The frames of a packed row; views of one buffer. */
export function framesOf(packed: Uint8Array): Frame[] {
  const input = new ByteReader(unpack(packed))
  const frames: Frame[] = []
  while (!input.done) frames.push({ base: input.uint(), data: input.blob() })
  return frames
}
