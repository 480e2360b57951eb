/**
 * MurmurHash2, 32 bits, seed 0x9747b28c, as Kafka's default partitioner computes it
 * (org.apache.kafka.common.utils.Utils.murmur2; algorithm by Austin Appleby, public domain).
 */
const SEED = 0x9747b28c
const M = 0x5bd1e995
const R = 24

/** Hash of the bytes, or of the UTF-8 bytes of a string, as a signed 32-bit integer. */
export function murmur2(data: string | Uint8Array): number {
  const bytes = typeof data === 'string' ? Buffer.from(data, 'utf8') : data
  const length = bytes.length
  let h = SEED ^ length
  const words = length >> 2
  for (let i = 0; i < words; i++) {
    const at = i << 2
    let k = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    k = Math.imul(k, M)
    k ^= k >>> R
    k = Math.imul(k, M)
    h = Math.imul(h, M) ^ k
  }
  const tail = words << 2
  const rest = length & 3
  if (rest === 3) h ^= bytes[tail + 2]! << 16
  if (rest >= 2) h ^= bytes[tail + 1]! << 8
  if (rest >= 1) h = Math.imul(h ^ bytes[tail]!, M)
  h ^= h >>> 13
  h = Math.imul(h, M)
  return h ^ (h >>> 15)
}

/** The partition Kafka's default partitioner gives a key. */
export function partitionForKey(key: string | Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions
}
