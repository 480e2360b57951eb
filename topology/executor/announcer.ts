/** Tells every task which partitions of the pool this worker serves. Changes leave in order, many in one append. */
import type { WorkerChanged } from '../../schemas/records/route.ts'
import type { Pool } from '../../schemas/topics.ts'
import type { Environment } from '../environment.ts'
import type { Log } from '../log/port.ts'
import { workerRecords } from './records.ts'
import { backoffMs, delay } from './waiting.ts'

export interface AnnouncerOptions {
  readonly log: Pick<Log, 'append' | 'partitions'>
  readonly environment: Environment
  readonly pool: Pool
  readonly workerId: string
  readonly capacity: number
  readonly retry: { readonly baseMs: number; readonly maxMs: number }
}

export class Announcer {
  readonly #options: AnnouncerOptions
  /** The latest state of each partition that is not announced yet. */
  readonly #waiting = new Map<number, WorkerChanged['state']>()
  #sending: Promise<void> | null = null
  #stopped = false

  constructor(options: AnnouncerOptions) {
    this.#options = options
  }

  announce(partition: number, state: WorkerChanged['state']): void {
    if (this.#stopped) return
    this.#waiting.delete(partition)
    this.#waiting.set(partition, state)
    this.#sending ??= this.#send()
  }

  /** Resolves once all that was announced is durable. */
  async idle(): Promise<void> {
    while (this.#sending !== null) await this.#sending
  }

  stop(): void {
    this.#stopped = true
    this.#waiting.clear()
  }

  async #send(): Promise<void> {
    const { log, environment, retry } = this.#options
    // changes of the same moment go together
    await new Promise<void>((resolve) => environment.soon(resolve))
    for (let failures = 0; this.#waiting.size > 0; ) {
      const batch = [...this.#waiting]
      this.#waiting.clear()
      try {
        await log.append(
          batch.flatMap(([partition, state]) => workerRecords(this.#change(partition, state), log.partitions)),
        )
        failures = 0
      } catch {
        if (this.#stopped) break
        for (const [partition, state] of batch) if (!this.#waiting.has(partition)) this.#waiting.set(partition, state)
        failures++
        await delay(environment, backoffMs(environment, failures, retry.baseMs, retry.maxMs))
      }
    }
    this.#sending = null
  }

  #change(partition: number, state: WorkerChanged['state']): WorkerChanged {
    const { pool, workerId, capacity } = this.#options
    return { kind: 'WorkerChanged', pool, partition, workerId, state, capacity }
  }
}
