/** Encodes many small values into shared buffers: one allocation a megabyte instead of one a value. */
import type avsc from 'avsc'

const SLAB_BYTES = 1 << 18
/** A value that does not fit and takes more than this gets a buffer of its own, so that the rest of the slab is not wasted. */
const OWN_BYTES = 1 << 14

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
  if (used + headerBytes > slab.length) renew()
  let end = encoder.encode(value, slab, used + headerBytes)
  if (end < 0) {
    const needed = slab.length - used - end
    if (needed > OWN_BYTES) {
      const own = Buffer.allocUnsafeSlow(needed)
      return own.subarray(0, encoder.encode(value, own, headerBytes))
    }
    renew()
    end = encoder.encode(value, slab, headerBytes)
  }
  const view = slab.subarray(used, end)
  used = end
  return view
}

function renew(): void {
  slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
  used = 0
}
