/** A reader of durable records: history from the file, then the records in memory. */
import type { LogReader, LogRecord } from '../../topology/log/port.ts'
import { Cursor, type Fetch } from './cursor.ts'
import type { Partition } from './partition.ts'

export class EmbeddedLogReader implements LogReader {
  readonly #partition: Partition
  readonly #fetch: Fetch
  readonly #seek: Promise<number> | null
  #cursor: Cursor | null = null
  #start: number
  #wake: () => void = () => {}
  #error: unknown = null
  #closed = false
  readonly #onClose: () => void

  /** `start` may still have to be looked up. */
  constructor(partition: Partition, start: number | Promise<number>, fetch: Fetch, onClose: () => void) {
    this.#partition = partition
    this.#fetch = fetch
    this.#onClose = onClose
    this.#seek = typeof start === 'number' ? null : start
    this.#seek?.catch(() => {})
    this.#start = typeof start === 'number' ? start : partition.first
    if (typeof start === 'number') this.#open(start)
  }

  #open(position: number): void {
    this.#start = position
    this.#cursor = new Cursor(this.#partition, {
      position,
      eager: false,
      skipHandled: false,
      fetch: this.#fetch,
      onRecords: () => this.#wake(),
      onError: (error) => {
        this.#error = error
        this.#wake()
      },
    })
  }

  get position(): number {
    return this.#cursor?.position ?? this.#start
  }

  async next(max: number): Promise<readonly LogRecord[]> {
    if (this.#cursor === null && this.#seek !== null && !this.#closed) {
      const start = await this.#seek
      if (!this.#closed) this.#open(start)
    }
    for (;;) {
      if (this.#closed) return []
      if (this.#error !== null) throw this.#error
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      const records = this.#cursor!.poll(max)
      if (records.length > 0) return records
      await woken
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#cursor?.close()
    this.#onClose()
    this.#wake()
  }
}
