/**
 * The keys with the highest counts, in bounded memory (Misra and Gries, "Finding repeated elements"): where a new key finds no place, every count is lowered by one and those
 * at zero leave. A count is too low by at most 1/size of all, so every key with a larger share than that is there; adding takes constant time on average.
 */
export class TopKeys {
  readonly #size: number
  readonly #counts = new Map<string, number>()

  constructor(size: number) {
    this.#size = size
  }

  add(key: string): void {
    const count = this.#counts.get(key)
    if (count !== undefined) this.#counts.set(key, count + 1)
    else if (this.#counts.size < this.#size) this.#counts.set(key, 1)
    else this.#lower()
  }

  /** The `most` highest, highest first. */
  top(most: number): readonly (readonly [key: string, count: number])[] {
    return [...this.#counts].sort((a, b) => b[1] - a[1]).slice(0, most)
  }

  #lower(): void {
    for (const [key, count] of this.#counts) {
      if (count === 1) this.#counts.delete(key)
      else this.#counts.set(key, count - 1)
    }
  }
}
