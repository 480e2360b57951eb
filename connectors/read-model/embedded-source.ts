/** Events of an embedded log as its folder has them, for a projection in a thread of its own, which is told when to look. */
import type { LogReader, LogRecord } from '../../topology/log/port.ts'
import { type EmbeddedReader, openEmbeddedReader } from '../log-embedded/reader.ts'
import type { EventLog } from './pump.ts'

export interface EmbeddedSource extends EventLog {
  /** There may be new events. */
  poke(): void
  close(): void
}

/** @throws if there is no log in the folder */
export function openEmbeddedSource(folder: string): EmbeddedSource {
  const reader = openEmbeddedReader(folder)
  const readers = new Set<FolderReader>()
  return {
    read(_topic, partition, from) {
      const offset = typeof from === 'object' && 'offset' in from ? from.offset : 0
      const opened = new FolderReader(reader, partition, offset, () => readers.delete(opened))
      readers.add(opened)
      return opened
    },
    poke() {
      for (const opened of readers) opened.poke()
    },
    close() {
      for (const opened of readers) opened.close()
      reader.close()
    },
  }
}

class FolderReader implements LogReader {
  readonly #reader: EmbeddedReader
  readonly #partition: number
  readonly #onClose: () => void
  #position: number
  #closed = false
  #wake: () => void = () => {}

  constructor(reader: EmbeddedReader, partition: number, offset: number, onClose: () => void) {
    this.#reader = reader
    this.#partition = partition
    this.#position = offset
    this.#onClose = onClose
  }

  get position(): number {
    return this.#position
  }

  poke(): void {
    this.#wake()
  }

  async next(max: number): Promise<readonly LogRecord[]> {
    while (!this.#closed) {
      const poked = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      const records = this.#reader.read('events', this.#partition, this.#position, max)
      if (records.length > 0) {
        this.#position = records.at(-1)!.offset + 1
        return records
      }
      await poked
    }
    return []
  }

  close(): void {
    this.#closed = true
    this.#onClose()
    this.#wake()
  }
}
