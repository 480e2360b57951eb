/** CRC-32C (Castagnoli), eight bytes at a time: the checksum of record batches. The tables follow "slicing by 8" (Kounavis and Berry, 2005). */

let cached: readonly Uint32Array[] | null = null

function tables(): readonly Uint32Array[] {
  if (cached !== null) return cached
  const built = Array.from({ length: 8 }, () => new Uint32Array(256))
  for (let byte = 0; byte < 256; byte++) {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1
    built[0]![byte] = value
  }
  for (let slice = 1; slice < 8; slice++) {
    for (let byte = 0; byte < 256; byte++) {
      const before = built[slice - 1]![byte]!
      built[slice]![byte] = built[0]![before & 0xff]! ^ (before >>> 8)
    }
  }
  cached = built
  return built
}

export function crc32c(data: Uint8Array, from = 0, to = data.length): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables() as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ]
  let crc = 0xffffffff
  let at = from
  for (; at + 8 <= to; at += 8) {
    const low = crc ^ (data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24))
    crc =
      t7[low & 0xff]! ^
      t6[(low >>> 8) & 0xff]! ^
      t5[(low >>> 16) & 0xff]! ^
      t4[low >>> 24]! ^
      t3[data[at + 4]!]! ^
      t2[data[at + 5]!]! ^
      t1[data[at + 6]!]! ^
      t0[data[at + 7]!]!
  }
  for (; at < to; at++) crc = t0[(crc ^ data[at]!) & 0xff]! ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}
