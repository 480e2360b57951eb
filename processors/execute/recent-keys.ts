/** The keys added lately: at least the last `capacity`, at most twice as many. */
export class RecentKeys {
  readonly #capacity: number
  #latest = new Set<string>()
  #earlier = new Set<string>()

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  has(key: string): boolean {
    return this.#latest.has(key) || this.#earlier.has(key)
  }

  add(key: string): void {
    this.#latest.add(key)
    if (this.#latest.size < this.#capacity) return
    this.#earlier = this.#latest
    this.#latest = new Set()
  }
}
