/** Appends outside of transactions, within bounds, and not before readers from the end know where that is. */
import { LogError, type OutRecord } from '../../topology/log/port.ts'
import type { KafkaClient } from '../kafka-client/contract.ts'
import { writeError } from './errors.ts'
import type { Names } from './names.ts'
import { toKafka } from './record-mapping.ts'
import { checkSizes } from './sizes.ts'

/** Bytes of records that may wait to be appended. */
const MAX_WAITING_BYTES = 128 << 20

export class Appender {
  readonly #client: KafkaClient
  readonly #names: Names
  readonly #maxRecordBytes: number
  readonly #outstanding = new Set<Promise<unknown>>()
  readonly #barriers = new Set<Promise<unknown>>()
  #held: Promise<unknown> | null = null
  #waitingBytes = 0

  constructor(client: KafkaClient, names: Names, maxRecordBytes: number) {
    this.#client = client
    this.#names = names
    this.#maxRecordBytes = maxRecordBytes
  }

  /** @throws {LogError} */
  async append(records: readonly OutRecord[]): Promise<readonly number[]> {
    if (records.length === 0) return []
    checkSizes(records, this.#maxRecordBytes)
    const bytes = records.reduce((sum, { value }) => sum + value.length, 0)
    if (this.#waitingBytes > 0 && this.#waitingBytes + bytes > MAX_WAITING_BYTES) {
      throw new LogError('LOG_FULL', `${this.#waitingBytes} bytes wait to be appended; at most ${MAX_WAITING_BYTES}`, {
        retriable: true,
      })
    }
    this.#waitingBytes += bytes
    const appended = this.#send(records)
    this.#outstanding.add(appended)
    try {
      return await appended
    } catch (error) {
      throw writeError(error)
    } finally {
      this.#waitingBytes -= bytes
      this.#outstanding.delete(appended)
    }
  }

  /** What is appended from now on waits for it: a reader that begins at the end sees all that is appended after it was made. */
  holdFor(lookUp: Promise<unknown>): void {
    this.#barriers.add(lookUp)
    const done = (): void => void this.#barriers.delete(lookUp)
    lookUp.then(done, done)
  }

  /** Resolves once nothing is under way. */
  async settled(): Promise<void> {
    while (this.#outstanding.size > 0) await Promise.allSettled(this.#outstanding)
  }

  async #send(records: readonly OutRecord[]): Promise<readonly number[]> {
    const mapped = records.map((record) => toKafka(this.#names, record))
    if (this.#barriers.size > 0 || this.#held !== null) await this.#turn()
    return this.#client.append(mapped)
  }

  /** Resolves in the order of the calls. */
  async #turn(): Promise<void> {
    const turn = (this.#held ?? Promise.resolve()).then(() => Promise.allSettled(this.#barriers))
    this.#held = turn
    await turn
    if (this.#held === turn) this.#held = null
  }
}
