/**
 * Bounds what a sandbox may take from the machine. QuickJS has a limit of its own, but compiled to WebAssembly it does not know the sizes of
 * what it has allocated and counts next to nothing; so the memory below it refuses to grow, as if the machine had no more.
 */
const PAGE_BYTES = 65_536

/** A `WebAssembly.Memory`. */
interface Growing {
  grow: (pages: number) => number
  readonly buffer: ArrayBufferLike
}

export class MemoryCap {
  readonly #memory: Growing
  #maxBytes: number
  #isFull = false

  /** `roomBytes`: what it may grow by from now on. */
  constructor(memory: Growing, roomBytes: number) {
    this.#memory = memory
    this.#maxBytes = memory.buffer.byteLength + roomBytes
    const grow = (pages: number): number => this.#grow(pages)
    this.#memory.grow = grow
  }

  /** It has refused to grow. */
  get isFull(): boolean {
    return this.#isFull
  }

  allow(moreBytes: number): void {
    this.#maxBytes += moreBytes
  }

  #grow(pages: number): number {
    if (this.#memory.buffer.byteLength + pages * PAGE_BYTES > this.#maxBytes) {
      this.#isFull = true
      throw new RangeError('the sandbox has no more memory')
    }
    // its own is in front of that of all memories
    const { grow } = Object.getPrototypeOf(this.#memory) as Growing
    return grow.call(this.#memory, pages)
  }
}
