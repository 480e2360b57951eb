/** A source that is polled, held back at a record whose schema is being asked for. */
import type { LogRecord } from '../log/port.ts'
import type { WireTranslator } from './wire-translator.ts'

const POLL_MAX = 256

export class HeldFeed {
  readonly #poll: (max: number) => readonly LogRecord[]
  readonly #translator: WireTranslator
  readonly #wake: () => void
  /** Polled and not given on yet. */
  #held: readonly LogRecord[] = []
  #asking = false

  /** `wake`: called when a poll may give something again. */
  constructor(poll: (max: number) => readonly LogRecord[], translator: WireTranslator, wake: () => void) {
    this.#poll = poll
    this.#translator = translator
    this.#wake = wake
  }

  poll(max: number): readonly LogRecord[] {
    if (this.#held.length === 0) {
      const records = this.#poll(max)
      if (records.every((record) => this.#translator.isOurs(record))) return records
      this.#held = records
    }
    const given: LogRecord[] = []
    for (const record of this.#held) {
      const read = given.length < max ? this.#translator.incoming(record) : null
      if (read === null) break
      given.push(read)
    }
    this.#held = this.#held.slice(given.length)
    if (given.length === 0 && this.#held.length > 0) this.#ask()
    return given
  }

  /** Offset of the first record that is held back; `null` if none is. */
  get heldAt(): number | null {
    return this.#held[0]?.offset ?? null
  }

  /** Resolves once a poll can give all that there was to poll. */
  async settled(): Promise<void> {
    for (let more = this.#poll(POLL_MAX); more.length > 0; more = this.#poll(POLL_MAX))
      this.#held = [...this.#held, ...more]
    await Promise.all(this.#translator.askFor(this.#held))
  }

  #ask(): void {
    if (this.#asking) return
    this.#asking = true
    void this.#translator.askFor(this.#held)[0]?.then(() => {
      this.#asking = false
      this.#wake()
    })
  }
}
