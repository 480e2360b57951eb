/** PNG of 8 bits a channel, not interlaced: grey, RGB, and both with alpha. What the two blocks beside it, and the pictures' stand-in, are made of. */
import { crc32, deflateSync, inflateSync } from 'node:zlib'

export interface Picture {
  readonly height: number
  readonly width: number
  /** 1 to 4: grey, grey and alpha, RGB, RGB and alpha. */
  readonly channels: number
  /** Row by row, the channels of a pixel side by side. */
  readonly pixels: Uint8Array
}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
/** By number of channels. */
const COLOUR_TYPES = [0, 4, 2, 6]
const PIXELS_MAX = 1 << 24

/** @throws {Error} that says what is wrong with the file */
export function decodePng(file: Buffer): Picture {
  if (!file.subarray(0, 8).equals(SIGNATURE)) throw new Error('it does not begin as PNG does')
  const header = { height: 0, width: 0, channels: 0 }
  const parts: Buffer[] = []
  for (const { type, content } of chunksOf(file)) {
    if (type === 'IHDR') Object.assign(header, headerOf(content))
    if (type === 'IDAT') parts.push(content)
  }
  const { height, width, channels } = header
  if (channels === 0) throw new Error('it has no header')
  const length = height * (width * channels + 1)
  const rows = inflateSync(Buffer.concat(parts), { maxOutputLength: length })
  if (rows.length !== length) throw new Error(`it has ${rows.length} bytes of pixels; expected ${length}`)
  return { ...header, pixels: unfiltered(rows, height, width * channels, channels) }
}

export function encodePng({ height, width, channels, pixels }: Picture): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, COLOUR_TYPES[channels - 1]!, 0, 0, 0], 8)
  const across = width * channels
  const rows = Buffer.alloc(height * (across + 1))
  for (let y = 0; y < height; y++) rows.set(pixels.subarray(y * across, (y + 1) * across), y * (across + 1) + 1)
  const chunks = [chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]
  return Buffer.concat([SIGNATURE, ...chunks])
}

function* chunksOf(file: Buffer): Iterable<{ readonly type: string; readonly content: Buffer }> {
  let at = SIGNATURE.length
  for (let type = ''; type !== 'IEND'; ) {
    if (at + 12 > file.length) throw new Error(`it breaks off after ${file.length} bytes`)
    const end = at + 8 + file.readUInt32BE(at)
    if (end + 4 > file.length) throw new Error(`it breaks off after ${file.length} bytes; expected at least ${end + 4}`)
    type = file.toString('latin1', at + 4, at + 8)
    if (crc32(file.subarray(at + 4, end)) !== file.readUInt32BE(end)) throw new Error(`its part ${type} is damaged`)
    yield { type, content: file.subarray(at + 8, end) }
    at = end + 4
  }
}

function headerOf(content: Buffer): Omit<Picture, 'pixels'> {
  const [width, height] = [content.readUInt32BE(0), content.readUInt32BE(4)]
  const [bits, colour, , , interlaced] = content.subarray(8)
  const channels = COLOUR_TYPES.indexOf(colour!) + 1
  if (bits !== 8 || channels === 0 || interlaced !== 0) {
    throw new Error(
      `it has ${bits} bits, colour type ${colour}, interlacing ${interlaced}; expected 8, one of 0, 2, 4, 6, and 0`,
    )
  }
  if (height * width === 0 || height * width > PIXELS_MAX) throw new Error(`it has ${width} x ${height} pixels`)
  return { height, width, channels }
}

/** Each row begins with its filter (PNG 1.2, chapter 6): what was taken away from each byte. */
function unfiltered(rows: Uint8Array, height: number, across: number, step: number): Uint8Array {
  const pixels = new Uint8Array(height * across)
  for (let y = 0; y < height; y++) {
    const filter = rows[y * (across + 1)]!
    for (let x = 0; x < across; x++) {
      const at = y * across + x
      const left = x < step ? 0 : pixels[at - step]!
      const above = y === 0 ? 0 : pixels[at - across]!
      const corner = x < step || y === 0 ? 0 : pixels[at - across - step]!
      pixels[at] = rows[y * (across + 1) + 1 + x]! + predicted(filter, left, above, corner)
    }
  }
  return pixels
}

function predicted(filter: number, left: number, above: number, corner: number): number {
  if (filter === 0) return 0
  if (filter === 1) return left
  if (filter === 2) return above
  if (filter === 3) return (left + above) >> 1
  if (filter !== 4) throw new Error(`a row has the filter ${filter}; expected 0 to 4`)
  const [a, b, c] = [Math.abs(above - corner), Math.abs(left - corner), Math.abs(left + above - 2 * corner)]
  if (a <= b && a <= c) return left
  return b <= c ? above : corner
}

function chunk(type: string, content: Buffer): Buffer {
  const framed = Buffer.alloc(content.length + 12)
  framed.writeUInt32BE(content.length, 0)
  framed.write(type, 4, 'latin1')
  content.copy(framed, 8)
  framed.writeUInt32BE(crc32(framed.subarray(4, content.length + 8)), content.length + 8)
  return framed
}
