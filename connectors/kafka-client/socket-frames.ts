/** Puts what a connection gives together to frames: a length of four bytes, then so many more. */

/** Above any fetch that we ask for; a larger frame is not from a Kafka broker. */
const MAX_FRAME_BYTES = 256 * 1024 * 1024
const LENGTH_BYTES = 4

export class FrameReader {
  /** The frame without its length, in memory of its own. */
  onFrame: (frame: Buffer) => void = () => {}
  /** No frame can begin like this; nothing more is taken. */
  onNonsense: () => void = () => {}
  readonly #length = Buffer.alloc(LENGTH_BYTES)
  #frame: Buffer | null = null
  /** Bytes of the frame that are there, or of its length before it. */
  #filled = 0
  #closed = false

  /** The bytes may be overwritten afterwards. */
  take(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && !this.#closed; ) {
      const target = this.#frame ?? this.#length
      const taken = Math.min(bytes.length - at, target.length - this.#filled)
      target.set(bytes.subarray(at, at + taken), this.#filled)
      at += taken
      this.#filled += taken
      if (this.#filled === target.length) this.#complete()
    }
  }

  /** Nothing more is taken or handed out. */
  close(): void {
    this.#closed = true
    this.#frame = null
  }

  #complete(): void {
    this.#filled = 0
    const frame = this.#frame
    if (frame !== null) {
      this.#frame = null
      this.onFrame(frame)
      return
    }
    const size = this.#length.readInt32BE(0)
    if (size >= LENGTH_BYTES && size <= MAX_FRAME_BYTES) this.#frame = Buffer.allocUnsafe(size)
    else {
      this.close()
      this.onNonsense()
    }
  }
}
