/** Reads one partition of in-memory storage in order, waiting at its end. */
import type { LogReader, LogRecord, ReadFrom } from '../../topology/log/port.ts'
import type { MemoryClient } from './client.ts'
import { indexOfOffset, type PartitionLog } from './storage.ts'

export class MemoryReader implements LogReader {
  readonly #client: MemoryClient
  readonly #log: PartitionLog
  readonly #wake: () => void
  #position: number
  #closed = false
  #waiting: (() => void) | null = null

  constructor(client: MemoryClient, log: PartitionLog, from: ReadFrom) {
    this.#client = client
    this.#log = log
    this.#position = startOf(log, from)
    this.#wake = () => client.notify(() => this.#resume())
    log.listeners.add(this.#wake)
  }

  get position(): number {
    return this.#position
  }

  async next(max: number): Promise<readonly LogRecord[]> {
    await this.#client.leg('read')
    for (;;) {
      if (this.#closed || this.#client.closed) return []
      const index = indexOfOffset(this.#log, this.#position)
      const found = this.#log.records.slice(index, index + max)
      if (found.length > 0) {
        this.#position = found.at(-1)!.offset + 1
        return found
      }
      await new Promise<void>((resolve) => {
        this.#waiting = resolve
      })
    }
  }

  close(): void {
    this.#closed = true
    this.#log.listeners.delete(this.#wake)
    this.#resume()
  }

  #resume(): void {
    const waiting = this.#waiting
    this.#waiting = null
    waiting?.()
  }
}

function startOf(log: PartitionLog, from: ReadFrom): number {
  if (from === 'first') return log.firstOffset
  if (from === 'end') return log.nextOffset
  if ('offset' in from) return Math.max(from.offset, log.firstOffset)
  return log.records.find((record) => record.timestampMs >= from.timeMs)?.offset ?? log.nextOffset
}
