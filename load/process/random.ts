/** A small seeded generator (xorshift32), so that load can be repeated. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = (seed ^ 0x9e3779b9) >>> 0 || 1
    for (let round = 0; round < 8; round++) this.u32()
  }

  u32(): number {
    this.#state ^= this.#state << 13
    this.#state ^= this.#state >>> 17
    this.#state ^= this.#state << 5
    this.#state >>>= 0
    return this.#state
  }

  /** 0 up to, not including, 1. */
  share(): number {
    return this.u32() / 2 ** 32
  }

  /** A whole number, both bounds included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.share() * (high - low + 1))
  }
}
