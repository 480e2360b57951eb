/** Follows partition 0 of `control` and folds the changes of schemas in it. */
import { decodeRecord } from '../../schemas/codec/wire.ts'
import type { SchemaChanged } from '../../schemas/records/control.ts'
import { RegistryState } from '../../schemas/registry/registry-state.ts'
import type { Environment } from '../../topology/environment.ts'
import type { Log, LogReader, LogRecord } from '../../topology/log/port.ts'
import { SchemaRegistryError } from '../../topology/schema-registry/port.ts'

const BATCH = 500
const REOPEN_MS = 1_000
const CURRENT_TIMEOUT_MS = 5_000
/** Callers of `current` at once. */
const MAX_WAITING = 10_000

interface Waiting {
  readonly offset: number
  readonly resolve: () => void
}

export class ControlFollower {
  readonly #log: Log
  readonly #environment: Environment
  readonly #onProblem: (message: string) => void
  readonly state = new RegistryState()
  #reader: LogReader | null = null
  /** Offset after the last record that was folded. */
  #position = 0
  #waiting: Waiting[] = []
  #closed = false

  constructor(log: Log, environment: Environment, onProblem: (message: string) => void = () => {}) {
    this.#log = log
    this.#environment = environment
    this.#onProblem = onProblem
  }

  /** All that was in the log when it was called. @throws {SchemaRegistryError} `UNREACHABLE` */
  async current(): Promise<RegistryState> {
    this.#open()
    const end = await this.#end()
    if (this.#position < end) await this.#reached(end)
    return this.state
  }

  close(): void {
    this.#closed = true
    this.#reader?.close()
    for (const { resolve } of this.#waiting.splice(0)) resolve()
  }

  async #end(): Promise<number> {
    try {
      const partitions = await this.#log.describe()
      return partitions.find(({ topic, partition }) => topic === 'control' && partition === 0)?.nextOffset ?? 0
    } catch (cause) {
      throw new SchemaRegistryError('UNREACHABLE', `the log cannot be asked: ${(cause as Error).message}`, { cause })
    }
  }

  async #reached(offset: number): Promise<void> {
    if (this.#waiting.length >= MAX_WAITING)
      throw new SchemaRegistryError('UNREACHABLE', 'too many wait for the schema registry')
    const { promise, resolve } = Promise.withResolvers<void>()
    const waiting = { offset, resolve }
    this.#waiting.push(waiting)
    const cancel = this.#environment.after(CURRENT_TIMEOUT_MS, resolve)
    await promise
    cancel()
    this.#waiting = this.#waiting.filter((other) => other !== waiting)
    if (this.#closed) throw new SchemaRegistryError('CLOSED', 'the schema registry is closed')
    if (this.#position < offset) {
      throw new SchemaRegistryError(
        'UNREACHABLE',
        `control could not be read to offset ${offset} within ${CURRENT_TIMEOUT_MS} ms`,
      )
    }
  }

  #open(): void {
    if (this.#reader !== null || this.#closed) return
    this.#reader = this.#log.read('control', 0, this.#position === 0 ? 'first' : { offset: this.#position })
    void this.#follow(this.#reader)
  }

  async #follow(reader: LogReader): Promise<void> {
    try {
      while (!this.#closed) {
        for (const record of await reader.next(BATCH)) this.#read(record)
        this.#position = reader.position
        this.#wake()
      }
    } catch (error) {
      if (this.#closed) return
      this.#onProblem(`control cannot be read, will be tried again: ${(error as Error).message}`)
      this.#environment.after(REOPEN_MS, () => {
        this.#reader = null
        this.#open()
      })
    }
  }

  #read(record: LogRecord): void {
    const change = changeIn(record)
    if (change !== null) this.state.apply(change)
  }

  #wake(): void {
    for (const { offset, resolve } of this.#waiting) if (offset <= this.#position) resolve()
  }
}

/** Others on `control` are none of its business, and those that cannot be read are buried by the task. */
function changeIn(record: LogRecord): SchemaChanged | null {
  try {
    const message = record.message ?? decodeRecord(record.value)
    return message.kind === 'SchemaChanged' ? message : null
  } catch {
    return null
  }
}
