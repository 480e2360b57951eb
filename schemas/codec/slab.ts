/** Encodes many small values into shared buffers: one allocation a megabyte instead of one a value. */
import type avsc from 'avsc'

const SLAB_BYTES = 1 << 18

interface EncodableType {
  /** Writes at `position`; answers the end, or minus the number of bytes that were missing. */
  encode(value: unknown, buffer: Buffer, position: number): number
}

let slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
let used = 0

/**
 * Avro-encodes `value` behind `headerBytes` unset bytes. The result is a view into a slab that nobody else writes to.
 * @throws {Error} avsc's, when the value does not match the type.
 */
export function encodeWithHeader(type: avsc.Type, value: unknown, headerBytes: number): Buffer {
  const encoder = type as unknown as EncodableType
  if (used + headerBytes > slab.length) renew(0)
  let end = encoder.encode(value, slab, used + headerBytes)
  if (end < 0) {
    renew(headerBytes + (slab.length - used) - end)
    end = encoder.encode(value, slab, headerBytes)
  }
  const view = slab.subarray(used, end)
  used = end
  return view
}

function renew(needed: number): void {
  slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, needed))
  used = 0
}
