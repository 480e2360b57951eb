/** A growing buffer with the few primitives the codecs of this folder need, written so that a field costs no allocation. */

const INITIAL_BYTES = 4096

export class ByteWriter {
  #buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES)
  #length = 0

  get length(): number {
    return this.#length
  }

  /** What was written; valid until the next write. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  clear(): void {
    this.#length = 0
  }

  byte(value: number): void {
    if (this.#length === this.#buffer.length) this.#grow(1)
    this.#buffer[this.#length++] = value
  }

  /** Unsigned LEB128; up to 2^53 - 1. */
  uint(value: number): void {
    if (this.#buffer.length - this.#length < 8) this.#grow(8)
    const buffer = this.#buffer
    let at = this.#length
    let rest = value
    while (rest >= 0x80) {
      buffer[at++] = (rest % 0x80) | 0x80
      rest = rest < 0x80000000 ? rest >>> 7 : Math.floor(rest / 0x80)
    }
    buffer[at++] = rest
    this.#length = at
  }

  /** Length and bytes. */
  blob(value: Uint8Array): void {
    this.uint(value.length)
    this.raw(value)
  }

  raw(value: Uint8Array): void {
    if (this.#buffer.length - this.#length < value.length) this.#grow(value.length)
    this.#buffer.set(value, this.#length)
    this.#length += value.length
  }

  /** Length in bytes and UTF-8. */
  string(value: string): void {
    if (!this.#shortAscii(value)) this.#anyString(value)
  }

  /** Most strings are keys: too short to be worth a native call. False, with nothing written, if this one is not. */
  #shortAscii(value: string): boolean {
    const length = value.length
    if (length > 64) return false
    if (this.#buffer.length - this.#length <= length) this.#grow(length + 1)
    const buffer = this.#buffer
    const start = this.#length
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i)
      if (code >= 0x80) return false
      buffer[start + 1 + i] = code
    }
    buffer[start] = length
    this.#length = start + 1 + length
    return true
  }

  #anyString(value: string): void {
    const length = Buffer.byteLength(value)
    this.uint(length)
    if (this.#buffer.length - this.#length < length) this.#grow(length)
    this.#length += this.#buffer.write(value, this.#length)
  }

  #grow(needed: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#length + needed))
    grown.set(this.#buffer.subarray(0, this.#length))
    this.#buffer = grown
  }
}

/** Reads what a {@link ByteWriter} wrote. @throws {RangeError} if the bytes end too early */
export class ByteReader {
  readonly #buffer: Buffer
  #at: number

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#at = 0
  }

  get done(): boolean {
    return this.#at >= this.#buffer.length
  }

  byte(): number {
    const value = this.#buffer[this.#at++]
    if (value === undefined) throw new RangeError(`the data ends at byte ${this.#buffer.length} within a record`)
    return value
  }

  uint(): number {
    let value = 0
    let scale = 1
    for (;;) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 0x80
    }
  }

  /** A view of the next `length` bytes. */
  raw(length: number): Buffer {
    const end = this.#at + length
    if (end > this.#buffer.length) throw new RangeError(`the data ends at byte ${this.#buffer.length}, expected ${end}`)
    const view = this.#buffer.subarray(this.#at, end)
    this.#at = end
    return view
  }

  blob(): Buffer {
    return this.raw(this.uint())
  }

  string(): string {
    const length = this.uint()
    const start = this.#at
    if (start + length > this.#buffer.length) throw new RangeError('the data ends within a string')
    this.#at = start + length
    return this.#buffer.toString('utf8', start, this.#at)
  }
}
