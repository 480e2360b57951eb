/** Whether a batch is worth packing. */
import type { KafkaRecord } from './contract.ts'
import { zstdPack } from './zstd.ts'

/** Fewer bytes in all go as they are: packing costs more than it saves. */
const PACK_FROM_BYTES = 1024
/** From this length on a value says by itself how it packs; shorter ones pack by what they have in common. */
const LARGE_BYTES = 8 * 1024
const SAMPLE_BYTES = 4 * 1024
/**
 * Of a sample that is packed. What is left above it are mostly texts of random letters (base64: 0.76) and what is packed already: a quarter less on the disk is not
 * worth that client, broker and every reader unpack it.
 */
const WORTH_SHARE = 0.7

/** Where most bytes are those of large values the middle of one of them is tried, which takes a fifth of what packing it would. */
export function packs(records: readonly KafkaRecord[]): boolean {
  let bytes = 0
  let largeBytes = 0
  let largest: Uint8Array | null = null
  for (const { key, value } of records) {
    const length = value?.length ?? 0
    bytes += length + (key?.length ?? 0) + 8
    if (length < LARGE_BYTES) continue
    largeBytes += length
    if (length > (largest?.length ?? 0)) largest = value
  }
  if (bytes < PACK_FROM_BYTES) return false
  if (largest === null || largeBytes * 2 < bytes) return true
  const from = (largest.length - SAMPLE_BYTES) >> 1
  return zstdPack(largest.subarray(from, from + SAMPLE_BYTES)).length < SAMPLE_BYTES * WORTH_SHARE
}
