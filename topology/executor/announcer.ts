/** Tells every task which partitions of the pool this worker serves, and on which device. Changes leave in order, many in one append. */
import type { DeviceShown, DeviceSource } from '../../processors/execute/device.ts'
import type { WorkerChanged, WorkerDevice } from '../../schemas/records/route.ts'
import type { Pool } from '../../schemas/topics.ts'
import type { Cancel, Environment } from '../environment.ts'
import type { Log } from '../log/port.ts'
import { workerRecords } from './records.ts'
import { backoffMs, delay } from './waiting.ts'

export interface AnnouncerOptions {
  readonly log: Pick<Log, 'append' | 'partitions'>
  readonly environment: Environment
  readonly pool: Pool
  readonly workerId: string
  readonly capacity: number
  readonly device?: DeviceSource | undefined
  readonly retry: { readonly baseMs: number; readonly maxMs: number }
}

/** A device that is used by new kernels changes often for a moment. */
const DEVICE_EVERY_MS = 1_000

export class Announcer {
  readonly #options: AnnouncerOptions
  /** The latest state of each partition that is not announced yet. */
  readonly #waiting = new Map<number, WorkerChanged['state']>()
  /** The device is to be told of with what leaves next. */
  #deviceWaits = false
  /** Set while what changes waits for its time. */
  #deviceTimer: Cancel | null = null
  #toldDevice: DeviceShown | null = null
  #sending: Promise<void> | null = null
  #stopped = false

  constructor(options: AnnouncerOptions) {
    this.#options = options
    options.device?.onChange(() => this.#deviceChanged())
  }

  announce(partition: number, state: WorkerChanged['state']): void {
    if (this.#stopped) return
    this.#waiting.delete(partition)
    this.#waiting.set(partition, state)
    // a task has forgotten the device if this worker had left it
    if (state === 'assigned') this.#deviceWaits ||= this.#options.device !== undefined
    this.#sending ??= this.#send()
  }

  /** Resolves once all that was announced is durable. */
  async idle(): Promise<void> {
    while (this.#sending !== null) await this.#sending
  }

  stop(): void {
    this.#stopped = true
    this.#waiting.clear()
    this.#deviceWaits = false
    this.#deviceTimer?.()
  }

  async #send(): Promise<void> {
    const { log, environment, retry } = this.#options
    // changes of the same moment go together
    await new Promise<void>((resolve) => environment.soon(resolve))
    for (let failures = 0; this.#waiting.size > 0 || this.#deviceWaits; ) {
      const batch = [...this.#waiting]
      this.#waiting.clear()
      const withDevice = this.#deviceWaits
      this.#deviceWaits = false
      try {
        const changes = batch.map(([partition, state]) => this.#change(partition, state))
        const told = withDevice ? [...changes, this.#device()] : changes
        await log.append(told.flatMap((change) => workerRecords(change, log.partitions)))
        failures = 0
      } catch {
        if (this.#stopped) break
        for (const [partition, state] of batch) if (!this.#waiting.has(partition)) this.#waiting.set(partition, state)
        this.#deviceWaits ||= withDevice
        failures++
        await delay(environment, backoffMs(environment, failures, retry.baseMs, retry.maxMs))
      }
    }
    this.#sending = null
  }

  /** The first change is told at once, those that follow soon after it together. */
  #deviceChanged(): void {
    if (this.#stopped || this.#deviceTimer !== null) return
    this.#tellDevice()
    this.#deviceTimer = this.#options.environment.after(DEVICE_EVERY_MS, () => {
      this.#deviceTimer = null
      if (this.#options.device?.shown !== this.#toldDevice) this.#deviceChanged()
    })
  }

  #tellDevice(): void {
    this.#deviceWaits = true
    this.#sending ??= this.#send()
  }

  #device(): WorkerDevice {
    const { pool, workerId, device } = this.#options
    const shown = device!.shown
    this.#toldDevice = shown
    const { backend, adapter, arrayMaxBytes, why, warm } = shown
    return { kind: 'WorkerDevice', pool, workerId, backend, adapter, arrayMaxBytes, why, warm }
  }

  #change(partition: number, state: WorkerChanged['state']): WorkerChanged {
    const { pool, workerId, capacity } = this.#options
    return { kind: 'WorkerChanged', pool, partition, workerId, state, capacity }
  }
}
