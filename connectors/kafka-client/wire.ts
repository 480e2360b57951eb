/** Kafka's primitive types (see the protocol guide): big-endian integers, strings and bytes with a length in front, zigzag varints. */

const NONE = Buffer.alloc(0)

/** Larger values are not copied among the rest. Below it the copy costs less than one more piece to write. */
export const REFERENCE_FROM_BYTES = 16 * 1024

interface Reference {
  /** Where among the writer's own bytes it comes. */
  readonly at: number
  readonly bytes: Uint8Array
}

/** A buffer that grows; what is written last is what the broker reads last. */
export class Writer {
  #buffer: Buffer
  #length = 0
  readonly #references: Reference[] = []
  #referencedBytes = 0

  constructor(initialBytes = 256) {
    this.#buffer = Buffer.allocUnsafe(initialBytes)
  }

  /** Of its own bytes, by which places are told. */
  get length(): number {
    return this.#length
  }

  /** Of all that was written. */
  get size(): number {
    return this.#length + this.#referencedBytes
  }

  /** What was written so far; without a copy, and so valid until the next write, unless there are references in it. */
  bytesWritten(): Buffer {
    return this.#references.length === 0 ? this.#buffer.subarray(0, this.#length) : Buffer.concat(this.parts())
  }

  /** Its own bytes from there on, without a copy: valid until the next write. */
  ownBytes(from: number): Buffer {
    return this.#buffer.subarray(from, this.#length)
  }

  /** What was written from the place `from` on, piece by piece, without a copy: valid until the next write. */
  parts(from = 0): Uint8Array[] {
    const parts: Uint8Array[] = []
    let at = from
    for (const reference of this.#references) {
      if (reference.at < from) continue
      if (reference.at > at) parts.push(this.#buffer.subarray(at, reference.at))
      parts.push(reference.bytes)
      at = reference.at
    }
    if (at < this.#length) parts.push(this.#buffer.subarray(at, this.#length))
    return parts
  }

  /** Makes room for `bytes` more and answers where they begin. */
  reserve(bytes: number): number {
    const at = this.#length
    if (at + bytes > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, at + bytes))
      this.#buffer.copy(larger, 0, 0, at)
      this.#buffer = larger
    }
    this.#length = at + bytes
    return at
  }

  /** Overwrites an integer written or reserved before. */
  setInt32(at: number, value: number): this {
    this.#buffer.writeInt32BE(value, at)
    return this
  }

  getInt32(at: number): number {
    return this.#buffer.readInt32BE(at)
  }

  setInt16(at: number, value: number): this {
    this.#buffer.writeInt16BE(value, at)
    return this
  }

  setUint32(at: number, value: number): this {
    this.#buffer.writeUInt32BE(value, at)
    return this
  }

  /** Forgets what was written from there on. */
  truncate(length: number): this {
    this.#length = length
    return this
  }

  int8(value: number): this {
    const at = this.reserve(1)
    this.#buffer[at] = value
    return this
  }

  int16(value: number): this {
    const at = this.reserve(2)
    this.#buffer.writeInt16BE(value, at)
    return this
  }

  int32(value: number): this {
    const at = this.reserve(4)
    this.#buffer.writeInt32BE(value, at)
    return this
  }

  /** A safe integer, or any 64 bits as a bigint. */
  int64(value: number | bigint): this {
    const at = this.reserve(8)
    if (typeof value === 'bigint') this.#buffer.writeBigInt64BE(value, at)
    else {
      this.#buffer.writeInt32BE(Math.floor(value / 4294967296), at)
      this.#buffer.writeUInt32BE(value >>> 0, at + 4)
    }
    return this
  }

  boolean(value: boolean): this {
    return this.int8(value ? 1 : 0)
  }

  string(value: string | null): this {
    if (value === null) return this.int16(-1)
    const size = Buffer.byteLength(value)
    this.int16(size)
    // before the buffer is named: it may be replaced
    const at = this.reserve(size)
    this.#buffer.write(value, at, size, 'utf8')
    return this
  }

  bytes(value: Uint8Array | null): this {
    return value === null ? this.int32(-1) : this.int32(value.length).raw(value)
  }

  raw(value: Uint8Array): this {
    const at = this.reserve(value.length)
    this.#buffer.set(value, at)
    return this
  }

  /** As `raw`, but a large value is not copied: it must never change. */
  reference(value: Uint8Array): this {
    if (value.length < REFERENCE_FROM_BYTES) return this.raw(value)
    this.#references.push({ at: this.#length, bytes: value })
    this.#referencedBytes += value.length
    return this
  }

  array<T>(items: readonly T[], write: (writer: this, item: T) => void): this {
    this.int32(items.length)
    for (const item of items) write(this, item)
    return this
  }

  /** Unsigned varint, up to 32 bits: lengths of the flexible versions. */
  uvarint(value: number): this {
    let rest = value >>> 0
    while (rest > 0x7f) {
      this.int8((rest & 0x7f) | 0x80)
      rest >>>= 7
    }
    return this.int8(rest)
  }

  /** Zigzag varint of a 32-bit integer. */
  varint(value: number): this {
    return this.uvarint((value << 1) ^ (value >> 31))
  }

  /** Zigzag varint of a safe integer. */
  varlong(value: number): this {
    if (value >= -0x40000000 && value < 0x40000000) return this.varint(value)
    let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n))
    while (rest > 0x7fn) {
      this.int8(Number(rest & 0x7fn) | 0x80)
      rest >>= 7n
    }
    return this.int8(Number(rest))
  }

  /** Length as a zigzag varint; -1 stands for null. Keys, values and headers of records. */
  varbytes(value: Uint8Array | null): this {
    return value === null ? this.varint(-1) : this.varint(value.length).raw(value)
  }

  varstring(value: string): this {
    const size = Buffer.byteLength(value)
    this.varint(size)
    const at = this.reserve(size)
    this.#buffer.write(value, at, size, 'utf8')
    return this
  }

  compactString(value: string | null): this {
    if (value === null) return this.uvarint(0)
    const size = Buffer.byteLength(value)
    this.uvarint(size + 1)
    const at = this.reserve(size)
    this.#buffer.write(value, at, size, 'utf8')
    return this
  }

  compactArray<T>(items: readonly T[], write: (writer: this, item: T) => void): this {
    this.uvarint(items.length + 1)
    for (const item of items) write(this, item)
    return this
  }

  /** The end of a structure of a flexible version: no tagged fields. */
  noTags(): this {
    return this.int8(0)
  }
}

/** Bytes that a zigzag varint of an integer takes. */
export function varintSize(value: number): number {
  if (value >= -0x40 && value < 0x40) return 1
  let size = 1
  for (let rest = value < 0 ? -value * 2 - 1 : value * 2; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++
  return size
}

/** @throws {RangeError} past the end of the buffer */
export class Reader {
  readonly buffer: Buffer
  offset: number

  constructor(buffer: Buffer, offset = 0) {
    this.buffer = buffer
    this.offset = offset
  }

  get remaining(): number {
    return this.buffer.length - this.offset
  }

  int8(): number {
    return this.buffer.readInt8(this.#advance(1))
  }

  int16(): number {
    return this.buffer.readInt16BE(this.#advance(2))
  }

  int32(): number {
    return this.buffer.readInt32BE(this.#advance(4))
  }

  uint32(): number {
    return this.buffer.readUInt32BE(this.#advance(4))
  }

  bigint64(): bigint {
    return this.buffer.readBigInt64BE(this.#advance(8))
  }

  /** As a number: offsets and times are safe integers. */
  int64(): number {
    const at = this.#advance(8)
    return this.buffer.readInt32BE(at) * 4294967296 + this.buffer.readUInt32BE(at + 4)
  }

  boolean(): boolean {
    return this.int8() !== 0
  }

  string(): string | null {
    const size = this.int16()
    return size < 0 ? null : this.raw(size).toString('utf8')
  }

  bytes(): Buffer | null {
    const size = this.int32()
    return size < 0 ? null : this.raw(size)
  }

  /** The next `size` bytes, without a copy. */
  raw(size: number): Buffer {
    const at = this.#advance(size)
    return this.buffer.subarray(at, at + size)
  }

  /** A null array reads as an empty one. */
  array<T>(read: (reader: this) => T): T[] {
    const items: T[] = []
    for (let left = this.int32(); left > 0; left--) items.push(read(this))
    return items
  }

  uvarint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.buffer.readUInt8(this.#advance(1))
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
    throw new RangeError('a varint of more than 5 bytes')
  }

  varint(): number {
    const value = this.uvarint()
    return (value >>> 1) ^ -(value & 1)
  }

  varlong(): number {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.buffer.readUInt8(this.#advance(1))
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return Number((value >> 1n) ^ -(value & 1n))
    }
    throw new RangeError('a varlong of more than 10 bytes')
  }

  varbytes(): Buffer | null {
    const size = this.varint()
    return size < 0 ? null : size === 0 ? NONE : this.raw(size)
  }

  compactString(): string | null {
    const size = this.uvarint()
    return size === 0 ? null : this.raw(size - 1).toString('utf8')
  }

  compactArray<T>(read: (reader: this) => T): T[] {
    const items: T[] = []
    for (let left = this.uvarint() - 1; left > 0; left--) items.push(read(this))
    return items
  }

  /** Passes over the tagged fields that end a structure of a flexible version. */
  skipTags(): void {
    for (let left = this.uvarint(); left > 0; left--) {
      this.uvarint()
      this.raw(this.uvarint())
    }
  }

  #advance(size: number): number {
    const at = this.offset
    if (size < 0 || at + size > this.buffer.length) {
      throw new RangeError(`${size} bytes wanted at ${at} of ${this.buffer.length}`)
    }
    this.offset = at + size
    return at
  }
}
