/** A position in one partition that moves on by polling: through the file while it is behind what is in memory, then through the tail. */
import type { LogRecord } from '../../topology/log/port.ts'
import type { Consumer, Partition } from './partition.ts'

const FETCH_BYTES = 1 << 20
/** The next fetch begins when fewer records than this are left of the last one. */
const FETCH_AHEAD = 512

/** Reads stored records; `through`: there are none but these below it. */
export type Fetch = (
  partition: Partition,
  from: number,
  to: number,
  maxBytes: number,
) => Promise<{ readonly records: readonly LogRecord[]; readonly through: number }>

export interface CursorOptions {
  readonly position: number
  /** See records that are not durable yet. */
  readonly eager: boolean
  readonly skipHandled: boolean
  readonly fetch: Fetch
  /** Called once after each poll that came back empty or short, when there may be more. */
  readonly onRecords: () => void
  /** Of an eager one: called when more is durable. */
  readonly onDurable?: () => void
  readonly onError: (error: unknown) => void
}

export class Cursor implements Consumer {
  readonly #partition: Partition
  readonly #options: CursorOptions
  readonly #waiting: { readonly through: number; resolve(): void }[] = []
  #fetched: readonly LogRecord[] = []
  #fetchedAt = 0
  #fetching = false
  #closed = false
  #armed = true
  position: number
  frontier: number

  constructor(partition: Partition, options: CursorOptions) {
    this.#partition = partition
    this.#options = options
    this.position = options.position
    this.frontier = options.position
    partition.attach(this)
  }

  get eager(): boolean {
    return this.#options.eager
  }

  get #end(): number {
    return this.#options.eager ? this.#partition.next : this.#partition.durable
  }

  poll(max: number): LogRecord[] {
    const taken: LogRecord[] = []
    if (this.#closed) return taken
    this.#takeFetched(taken, max)
    if (taken.length < max && this.#fetchedAt === this.#fetched.length && this.position >= this.#partition.tailBase) {
      this.#takeTail(taken, max)
    }
    this.#fetchAhead()
    if (taken.length < max) this.#armed = true
    return taken
  }

  #takeFetched(into: LogRecord[], max: number): void {
    const fetched = this.#fetched
    const skip = this.#options.skipHandled
    while (this.#fetchedAt < fetched.length && into.length < max) {
      const record = fetched[this.#fetchedAt++]!
      this.position = record.offset + 1
      if (!(skip && record.handled)) into.push(record)
    }
    if (this.#fetchedAt < fetched.length) return
    this.#fetched = []
    this.#fetchedAt = 0
    // What lies between the last record and the frontier is gone from the log
    if (into.length < max) this.position = this.frontier
  }

  #takeTail(into: LogRecord[], max: number): void {
    const partition = this.#partition
    const end = this.#end
    const skip = this.#options.skipHandled
    let position = this.position
    while (position < end && into.length < max) {
      const record = partition.inTail(position++)
      if (!(skip && record.handled)) into.push(record)
    }
    this.position = position
    this.frontier = position
  }

  wake(): void {
    if (!this.#armed) return
    this.#armed = false
    this.#options.onRecords()
  }

  advanced(): void {
    this.#options.onDurable?.()
  }

  /** Resolves once all records below `through` can be polled. */
  reach(through: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ through, resolve })
      this.#fetchAhead()
    })
  }

  #fetchAhead(): void {
    const { tailBase } = this.#partition
    for (let i = this.#waiting.length - 1; i >= 0; i--) {
      const { through, resolve } = this.#waiting[i]!
      if (this.frontier < Math.min(through, tailBase)) continue
      this.#waiting.splice(i, 1)
      resolve()
    }
    if (this.#fetching || this.#closed || this.frontier >= tailBase) return
    if (this.#waiting.length === 0 && this.#fetched.length - this.#fetchedAt > FETCH_AHEAD) return
    this.#fetching = true
    this.#options
      .fetch(this.#partition, this.frontier, tailBase, FETCH_BYTES)
      .then(({ records, through }) => this.#arrived(records, through))
      .catch((error: unknown) => {
        if (!this.#closed) this.#options.onError(error)
      })
  }

  #arrived(records: readonly LogRecord[], through: number): void {
    this.#fetching = false
    if (this.#closed) return
    const left = this.#fetched.slice(this.#fetchedAt)
    this.#fetched = left.length === 0 ? records : left.concat(records)
    this.#fetchedAt = 0
    this.frontier = through
    this.#fetchAhead()
    this.wake()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#partition.detach(this)
    for (const { resolve } of this.#waiting.splice(0)) resolve()
  }
}
