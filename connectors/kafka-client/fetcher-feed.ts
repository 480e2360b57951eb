import { type Feed, KafkaClientError, type StoredRecord } from './contract.ts'
import { committedBatches, readBatches } from './fetcher-batch.ts'
import { BatchReader } from './fetcher-records.ts'
import type { FetchedPartition } from './requests/fetch.ts'

const NOTHING: readonly StoredRecord[] = []

/** What the fetcher knows of a partition that is read. Batches wait as they came and are unpacked when they are polled. */
export class FetchFeed implements Feed {
  readonly topic: string
  readonly partition: number
  /** Where the next fetch begins. */
  fetchOffset: number
  stableEnd = Number.POSITIVE_INFINITY
  /** A request that asks for it is under way. */
  inFlight = false
  closed = false
  failure: KafkaClientError | null = null
  /** Times in a row that it could not be fetched, and until when it is left alone. */
  troubles = 0
  notBeforeMs = Number.NEGATIVE_INFINITY
  readonly #maxBufferedBytes: number
  readonly #onRoom: () => void
  readonly #onClose: (feed: FetchFeed) => void
  readonly #waiting: BatchReader[] = []
  #bufferedBytes = 0
  #listener: (() => void) | null = null

  constructor(
    place: { readonly topic: string; readonly partition: number; readonly offset: number },
    maxBufferedBytes: number,
    on: { readonly room: () => void; readonly close: (feed: FetchFeed) => void },
  ) {
    this.topic = place.topic
    this.partition = place.partition
    this.fetchOffset = place.offset
    this.#maxBufferedBytes = maxBufferedBytes
    this.#onRoom = on.room
    this.#onClose = on.close
  }

  /** Bytes that may be asked for; 0 while more than half of the buffer is taken, so that requests are worth their while. */
  get room(): number {
    return this.#bufferedBytes > this.#maxBufferedBytes / 2 ? 0 : this.#maxBufferedBytes - this.#bufferedBytes
  }

  get position(): number {
    return this.#waiting[0]?.nextOffset ?? this.fetchOffset
  }

  poll(max: number): readonly StoredRecord[] {
    if (this.#waiting.length === 0) {
      if (this.failure !== null && !this.closed) throw this.failure
      return NOTHING
    }
    const records: StoredRecord[] = []
    const hadRoom = this.room > 0
    while (records.length < max) {
      const first = this.#waiting[0]
      if (first === undefined || !this.#read(first, max, records)) break
      if (!first.done) continue
      this.#waiting.shift()
      this.#bufferedBytes -= first.sizeBytes
    }
    if (!hadRoom && this.room > 0) this.#onRoom()
    if (records.length === 0 && this.failure !== null) throw this.failure
    return records
  }

  onRecords(listener: () => void): void {
    this.#listener = listener
  }

  close(): void {
    this.closed = true
    this.#drop()
    this.#onClose(this)
  }

  /** Takes what was fetched from `fetchOffset`. Answers true if something has changed that the listener is to be told. */
  take(fetched: FetchedPartition): boolean {
    const positionBefore = this.position
    const bytesBefore = this.#bufferedBytes
    this.stableEnd = fetched.lastStableOffset
    try {
      const batches = readBatches(fetched.records)
      const small = fetched.records.length * 2 < fetched.responseBytes
      for (const batch of committedBatches(batches, fetched.aborted)) {
        // a small part must not keep the whole response in memory
        const kept = small ? { ...batch, records: Buffer.from(batch.records) } : batch
        const reader = new BatchReader(kept, this.fetchOffset)
        this.#waiting.push(reader)
        this.#bufferedBytes += reader.sizeBytes
      }
      const last = batches.at(-1)
      if (last !== undefined) this.fetchOffset = Math.max(this.fetchOffset, last.lastOffset + 1)
    } catch (error) {
      return this.fail(this.#unreadable(this.fetchOffset, error))
    }
    return this.#bufferedBytes !== bytesBefore || this.position !== positionBefore
  }

  /** The feed ends with this error once its buffer is empty. */
  fail(error: KafkaClientError): true {
    this.failure = error
    return true
  }

  tell(): void {
    if (!this.closed) this.#listener?.()
  }

  #read(first: BatchReader, max: number, into: StoredRecord[]): boolean {
    try {
      first.read(this.topic, this.partition, max, into)
      return true
    } catch (error) {
      this.fail(this.#unreadable(first.nextOffset, error))
      this.#drop()
      return false
    }
  }

  #drop(): void {
    this.#waiting.length = 0
    this.#bufferedBytes = 0
  }

  #unreadable(offset: number, error: unknown): KafkaClientError {
    if (!(error instanceof RangeError)) throw error
    const message = `${this.topic}/${this.partition} cannot be read at offset ${offset}: ${error.message}`
    return new KafkaClientError('REFUSED', message, { cause: error })
  }
}
