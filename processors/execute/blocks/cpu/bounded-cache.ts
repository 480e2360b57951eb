/** Keeps what was made from texts; the half that was made first goes when it is full. Texts that are long are not kept. */
export class BoundedCache<T> {
  readonly #entries = new Map<string, T>()
  readonly #max: number
  readonly #maxChars: number

  constructor(max: number, maxChars: number) {
    this.#max = max
    this.#maxChars = maxChars
  }

  get(text: string, make: () => T): T {
    const found = this.#entries.get(text)
    if (found !== undefined) return found
    const made = make()
    if (text.length > this.#maxChars) return made
    if (this.#entries.size >= this.#max) {
      for (const oldest of [...this.#entries.keys()].slice(0, this.#max / 2)) this.#entries.delete(oldest)
    }
    this.#entries.set(text, made)
    return made
  }
}
