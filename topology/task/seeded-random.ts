/**
 * A small generator of 32-bit numbers from two seeds: SplitMix32, the 32-bit finaliser of MurmurHash3 over a Weyl sequence
 * (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
 */
export class SeededRandom {
  #state = 0

  seed(a: number, b: number): void {
    // an offset may exceed 32 bits
    this.#state = mix(Math.imul(a + 1, 0x9e3779b9) ^ mix(b | 0)) ^ mix(Math.floor(b / 0x1_0000_0000) + 1)
  }

  next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0
    return mix(this.#state) >>> 0
  }
}

function mix(value: number): number {
  let z = value
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
  return z ^ (z >>> 16)
}
