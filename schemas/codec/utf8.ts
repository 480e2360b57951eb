import { isUtf8 } from 'node:buffer'

/** The text, or `null` if the bytes are not valid UTF-8. A byte order mark at the start is dropped. */
export function decodeUtf8(bytes: Uint8Array): string | null {
  if (!isUtf8(bytes)) return null
  const text = view(bytes).toString('utf8')
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
}

/** Offset of the first byte that is not valid UTF-8; the length if all are. */
export function invalidUtf8At(bytes: Uint8Array): number {
  const buffer = view(bytes)
  const text = buffer.toString('utf8')
  let offset = 0
  let from = 0
  for (let at = text.indexOf('\ufffd'); at >= 0; at = text.indexOf('\ufffd', from)) {
    offset += Buffer.byteLength(text.slice(from, at))
    // The replacement character may have been in the bytes already.
    if (buffer.subarray(offset, offset + 3).toString('latin1') !== '\xef\xbf\xbd') return offset
    offset += 3
    from = at + 1
  }
  return bytes.length
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
