/** Progress for whoever watches: one line that is written over on a terminal, a plain line every few seconds elsewhere. */
import type { WriteStream } from 'node:tty'

const PLAIN_EVERY_MS = 3_000

export class LiveLine {
  readonly #out: WriteStream
  readonly #render: () => string
  readonly #timer: NodeJS.Timeout
  readonly #began = performance.now()
  #lastPlain = 0

  constructor(out: WriteStream, render: () => string) {
    this.#out = out
    this.#render = render
    this.#timer = setInterval(() => this.#draw(), 200)
  }

  /** Writes a line that stays. */
  say(text: string): void {
    this.#clear()
    this.#out.write(`${text}\n`)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#clear()
  }

  #draw(): void {
    const now = performance.now()
    const text = `${Math.round((now - this.#began) / 1000)
      .toString()
      .padStart(4)} s  ${this.#render()}`
    if (this.#out.isTTY) {
      this.#out.write(`\r\x1b[2K${text.slice(0, (this.#out.columns ?? 120) - 1)}`)
    } else if (now - this.#lastPlain >= PLAIN_EVERY_MS) {
      this.#lastPlain = now
      this.#out.write(`${text}\n`)
    }
  }

  #clear(): void {
    if (this.#out.isTTY) this.#out.write('\r\x1b[2K')
  }
}
