/** Reads the records of one batch, a few at a time. This is where consuming spends its time: one pass, no copies, nothing made but what is handed out. */
import type { StoredRecord } from './contract.ts'
import { compressionOf, hasBrokerTime, type RecordBatch } from './fetcher-batch.ts'
import { unpack } from './fetcher-codecs.ts'

type Header = readonly [name: string, value: Uint8Array]

const NO_HEADERS: readonly Header[] = []
const NO_BYTES = Buffer.alloc(0)

/** Where the functions below read; between two calls of `read` it means nothing. */
let at = 0

export class BatchReader {
  readonly sizeBytes: number
  /** At or below the offset of the next record that is read. */
  nextOffset: number
  readonly lastOffset: number
  readonly #batch: RecordBatch
  readonly #from: number
  #records: Buffer | null = null
  #at = 0
  #left: number

  /** Records below `from` are passed over. */
  constructor(batch: RecordBatch, from: number) {
    this.#batch = batch
    this.#from = from
    this.#left = batch.count
    this.sizeBytes = batch.sizeBytes
    this.nextOffset = Math.max(from, batch.baseOffset)
    this.lastOffset = batch.lastOffset
  }

  get done(): boolean {
    return this.#left === 0
  }

  /** Adds records to `into` until it holds `max` or the batch is at its end. Keys and values are views. @throws {RangeError} if the batch cannot be read */
  read(topic: string, partition: number, max: number, into: StoredRecord[]): void {
    const { baseOffset, firstTimestampMs, maxTimestampMs } = this.#batch
    const buffer = this.#unpacked()
    const brokerTime = hasBrokerTime(this.#batch)
    at = this.#at
    while (this.#left > 0 && into.length < max) {
      const size = varint(buffer)
      const end = at + size
      if (size < 0 || end > buffer.length)
        throw new RangeError(`a record of ${size} bytes at ${at} of ${buffer.length}`)
      at++
      const timeDelta = varlong(buffer)
      const offset = baseOffset + varint(buffer)
      if (offset >= this.#from) {
        const timestampMs = brokerTime ? maxTimestampMs : firstTimestampMs + timeDelta
        const key = bytes(buffer)
        const value = bytes(buffer)
        const headers = readHeaders(buffer)
        if (at !== end) throw new RangeError(`a record that ends at ${at} instead of ${end}`)
        into.push({ topic, partition, offset, timestampMs, key, value, headers })
        this.nextOffset = offset + 1
      }
      at = end
      this.#left--
    }
    this.#at = at
  }

  #unpacked(): Buffer {
    if (this.#records === null) {
      const codec = compressionOf(this.#batch)
      this.#records = codec === 0 ? this.#batch.records : unpack(codec, this.#batch.records)
    }
    return this.#records
  }
}

/** Zigzag, 32 bits. Past the end of the buffer zeros are read, which the check at the end of the record finds. */
function varint(buffer: Buffer): number {
  let byte = buffer[at++]!
  let value = byte & 0x7f
  for (let shift = 7; byte >= 0x80 && shift < 35; shift += 7) {
    byte = buffer[at++]!
    value |= (byte & 0x7f) << shift
  }
  return (value >>> 1) ^ -(value & 1)
}

function varlong(buffer: Buffer): number {
  let byte = buffer[at++]!
  let value = byte & 0x7f
  for (let factor = 128; byte >= 0x80 && factor < 2 ** 70; factor *= 128) {
    byte = buffer[at++]!
    value += (byte & 0x7f) * factor
  }
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2
}

function bytes(buffer: Buffer): Uint8Array | null {
  const size = varint(buffer)
  if (size <= 0) return size === 0 ? NO_BYTES : null
  const from = at
  at += size
  return buffer.subarray(from, at)
}

function readHeaders(buffer: Buffer): readonly Header[] {
  const count = varint(buffer)
  if (count === 0) return NO_HEADERS
  if (count < 0 || count > buffer.length) throw new RangeError(`${count} headers`)
  const headers: Header[] = []
  for (let index = 0; index < count; index++) {
    const name = headerName(buffer)
    headers.push([name, bytes(buffer) ?? NO_BYTES])
  }
  return headers
}

/** Names repeat: those seen last are found by their bytes, without decoding. Slots are overwritten, so the table is bounded. */
const NAME_SLOTS = 256
const names: { readonly bytes: Buffer; readonly name: string }[] = []

function headerName(buffer: Buffer): string {
  const size = varint(buffer)
  const from = at
  at += size
  if (size <= 0 || at > buffer.length) {
    if (size === 0) return ''
    throw new RangeError(`a header name of ${size} bytes`)
  }
  const slot = (size * 31 + buffer[from]! * 7 + buffer[at - 1]!) % NAME_SLOTS
  const known = names[slot]
  if (known !== undefined && same(known.bytes, buffer, from, size)) return known.name
  const name = buffer.toString('utf8', from, at)
  if (size <= 64) names[slot] = { bytes: Buffer.from(buffer.subarray(from, at)), name }
  return name
}

function same(bytes: Buffer, buffer: Buffer, from: number, size: number): boolean {
  if (bytes.length !== size) return false
  for (let index = 0; index < size; index++) if (bytes[index] !== buffer[from + index]) return false
  return true
}
