/** The zstd codec through node:zlib, for our own batches and, registered, for kafkajs. */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { compressionCodecs } from './internals.ts'

/** Number of the codec in a batch's attributes. */
export const ZSTD = 4

/** A batch that unpacks to more is taken for damaged or hostile. */
const MAX_UNPACKED_BYTES = 256 * 1024 * 1024

/** Fastest level: at a few kilobytes it packs as well as the default one. */
const PARAMS = { [constants.ZSTD_c_compressionLevel]: 1 }
/** What Node unpacks and packs into by default; pieces are put together at the end. */
const MIN_CHUNK_BYTES = 16 * 1024
const MAX_CHUNK_BYTES = 256 * 1024

export const zstdPack = (data: Uint8Array): Buffer =>
  zstdCompressSync(data, {
    params: PARAMS,
    chunkSize: Math.min(MAX_CHUNK_BYTES, Math.max(MIN_CHUNK_BYTES, data.length >> 1)),
  })

/** @throws if the data is not zstd or unpacks to more than 256 MiB */
export const zstdUnpack = (data: Uint8Array): Buffer =>
  zstdDecompressSync(data, { maxOutputLength: MAX_UNPACKED_BYTES })

/** Teaches kafkajs, which has gzip only. */
export function registerZstd(): void {
  compressionCodecs().Codecs[ZSTD] = () => ({
    compress: async (encoder) => zstdPack(encoder.buffer),
    decompress: async (buffer) => zstdUnpack(buffer),
  })
}
