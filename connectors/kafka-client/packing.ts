/** Whether a batch is worth packing. */
import type { KafkaRecord } from './contract.ts'

/** Fewer bytes in all go as they are: packing, and unpacking by every reader, cost some 30 us each whatever the length, and save little of a record or two. */
const PACK_FROM_BYTES = 2048
/** From this length on a value says by itself how it packs; shorter ones pack by what they have in common. */
const LARGE_BYTES = 8 * 1024
/** Where a sample of a large value is taken, in so many stretches of so many bytes. */
const STRETCHES = 4
const STRETCH_BYTES = 256
/**
 * Bits that the sample's bytes take each when they are told apart by their frequencies alone. Above it lie texts of random letters (base64: 6) and what is packed
 * already (8), of which packing takes a quarter or nothing: not worth that client, broker and every reader unpack it. JSON and prose lie at 5 and below.
 */
const RANDOM_FROM_BITS = 5.6

/** Where most bytes are those of large values, one of them tells. */
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
  return largest === null || largeBytes * 2 < bytes || bitsPerByte(largest) < RANDOM_FROM_BITS
}

function bitsPerByte(value: Uint8Array): number {
  const counts = new Uint16Array(256)
  const apart = Math.floor(value.length / STRETCHES)
  for (let stretch = 0; stretch < STRETCHES; stretch++) {
    const from = stretch * apart + ((apart - STRETCH_BYTES) >> 1)
    for (let at = from; at < from + STRETCH_BYTES; at++) counts[value[at]!]!++
  }
  let bits = 0
  for (const count of counts) if (count > 0) bits -= count * Math.log2(count / (STRETCHES * STRETCH_BYTES))
  return bits / (STRETCHES * STRETCH_BYTES)
}
