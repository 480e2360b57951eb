/** The executor of one pool in one process: takes steps from the pool's partitions, runs their blocks, reports how they ended. */
import type { Block } from '../../processors/execute/block.ts'
import { type BlockTable, blockTable } from '../../processors/execute/block-table.ts'
import type { DeviceSource } from '../../processors/execute/device.ts'
import { FairQueue } from '../../processors/execute/fair-queue.ts'
import type { Pool } from '../../schemas/topics.ts'
import type { Environment } from '../environment.ts'
import { type Log, LogError, type Membership, type PoolListener, type PoolPartition } from '../log/port.ts'
import type { AttemptTracing } from '../tracing/port.ts'
import { Announcer } from './announcer.ts'
import { AssignedPartition, type PartitionContext } from './assigned-partition.ts'
import type { Attempt } from './attempt.ts'
import { type ExecutorLoad, type ExecutorObserver, SILENT_OBSERVER } from './observer.ts'
import { EXECUTOR_DEFAULTS, type ExecutorOptions } from './options.ts'
import { Runner } from './runner.ts'
import { backoffMs, delay, settlesWithin } from './waiting.ts'

export type { ExecutorObserver } from './observer.ts'

export interface ExecutorConfig {
  readonly log: Pick<Log, 'append' | 'joinPool' | 'partitions'>
  readonly environment: Environment
  readonly pool: Pool
  /** Any block may be sent to any pool, so all of them. */
  readonly blocks: readonly Block[]
  /** Unique among the workers that live at the same time. */
  readonly workerId: string
  /** Steps running at once, at least 1. */
  readonly concurrency: number
  /** Told to the tasks, which prefer workers where a kernel is compiled. Absent: the pool has none. */
  readonly device?: DeviceSource
  readonly observer?: ExecutorObserver
  readonly tracing?: AttemptTracing
  readonly options?: Partial<ExecutorOptions>
}

export interface ExecutorHandle {
  readonly workerId: string
  readonly pool: Pool
  /** Why it does not do all its work: it joins its pool anew, or a partition cannot be read on; `null`: it does. */
  readonly trouble: string | null
  load(): ExecutorLoad
  /** Starts nothing more, waits for running steps (bounded), reports them and leaves the pool. May be called again. */
  drain(): Promise<void>
  /** Stops as a crash would: nothing is reported, and the pool is not left. */
  kill(): void
}

const READ_AT_ONCE = 256
/** Steps started in one go before IO has its turn. */
const STARTS_AT_ONCE = 512

/** @throws {LogError} when the pool cannot be joined. */
export async function startExecutor(config: ExecutorConfig): Promise<ExecutorHandle> {
  if (!Number.isInteger(config.concurrency) || config.concurrency < 1) {
    throw new RangeError(
      `concurrency of the ${config.pool} executor is ${config.concurrency}; expected an integer from 1`,
    )
  }
  const executor = new Executor(config)
  await executor.join()
  return executor
}

class Executor implements ExecutorHandle, PoolListener {
  readonly #config: ExecutorConfig
  readonly #options: ExecutorOptions
  readonly #observer: ExecutorObserver
  readonly #blocks: BlockTable
  readonly #runner: Runner
  readonly #announcer: Announcer
  readonly #queue = new FairQueue<Attempt>()
  readonly #partitions = new Map<number, AssignedPartition>()
  /** Assigned partitions whose records are gone, and what the log says of it: nothing may be passed over silently. */
  readonly #lost = new Map<number, string>()
  #membership: Membership | null = null
  #state: 'running' | 'rejoining' | 'draining' | 'stopped' = 'running'
  #drained: Promise<void> | null = null
  #pumpIsDue = false
  #turn = 0

  constructor(config: ExecutorConfig) {
    this.#config = config
    this.#options = { ...EXECUTOR_DEFAULTS, ...config.options }
    this.#observer = config.observer ?? SILENT_OBSERVER
    const { environment, pool, workerId, log, concurrency, tracing } = config
    this.#blocks = blockTable(config.blocks)
    this.#runner = new Runner({
      environment,
      pool,
      workerId,
      blocks: this.#blocks,
      outputLimitBytes: this.#options.outputLimitBytes,
      blobLimitBytes: this.#options.blobLimitBytes,
      payloads: this.#options.payloads,
      abortGraceMs: this.#options.abortGraceMs,
      observer: this.#observer,
      ...(tracing === undefined ? {} : { tracing }),
      freed: () => this.#wake(),
    })
    this.#announcer = new Announcer({
      log,
      environment,
      pool,
      workerId,
      capacity: concurrency,
      device: config.device,
      retry: this.#options.retry,
    })
  }

  get workerId(): string {
    return this.#config.workerId
  }

  get pool(): Pool {
    return this.#config.pool
  }

  get trouble(): string | null {
    if (this.#state !== 'running') return `the pool ${this.#config.pool} is being joined again`
    for (const reason of this.#lost.values()) return reason
    return null
  }

  async join(): Promise<void> {
    const membership = await this.#config.log.joinPool(this.#config.pool, this)
    if (this.#state === 'running') this.#membership = membership
    else await membership.leave()
  }

  onAssigned(source: PoolPartition): void {
    if (this.#state !== 'running') return
    this.#partitions.get(source.partition)?.detach()
    this.#lost.delete(source.partition)
    this.#partitions.set(source.partition, new AssignedPartition(source, this.#partitionContext()))
    this.#announcer.announce(source.partition, 'assigned')
    this.#observer.assigned(this.#config.pool, source.partition)
    this.#wake()
  }

  async onRevoked(source: PoolPartition): Promise<void> {
    const partition = this.#partitions.get(source.partition)
    this.#lost.delete(source.partition)
    if (partition === undefined || !partition.isOf(source) || this.#state === 'stopped') return
    await this.#release([partition], this.#options.revokeGraceMs)
    if (this.#partitions.get(source.partition) === partition) this.#partitions.delete(source.partition)
    this.#observer.revoked(this.#config.pool, source.partition)
  }

  load(): ExecutorLoad {
    let unreportedBytes = 0
    for (const partition of this.#partitions.values()) unreportedBytes += partition.unreportedBytes
    return {
      queued: this.#queue.size,
      running: this.#runner.running,
      orphans: this.#runner.orphans,
      unreportedBytes,
      partitions: this.#partitions.size,
    }
  }

  drain(): Promise<void> {
    this.#drained ??= this.#drain()
    return this.#drained
  }

  kill(): void {
    this.#state = 'stopped'
    this.#drained ??= Promise.resolve()
    this.#queue.clear()
    this.#runner.kill()
    this.#announcer.stop()
    for (const partition of this.#partitions.values()) partition.detach()
    this.#partitions.clear()
  }

  async #drain(): Promise<void> {
    if (this.#state === 'stopped') return
    this.#state = 'draining'
    await this.#release([...this.#partitions.values()], this.#options.drainMs)
    if (this.#stopped()) return
    this.#partitions.clear()
    await settlesWithin(this.#config.environment, this.#announcer.idle(), this.#options.revokeGraceMs)
    await this.#leave()
    if (!this.#stopped()) this.kill()
  }

  /** Lets what runs of the partitions end within the grace, gives the rest up, and lets go of them. */
  async #release(partitions: readonly AssignedPartition[], graceMs: number): Promise<void> {
    for (const partition of partitions) {
      partition.close()
      for (const attempt of [...partition.attempts]) {
        if (attempt.state !== 'queued') continue
        this.#queue.remove(attempt.step.tenant, attempt)
        partition.release(attempt)
      }
      this.#announcer.announce(partition.partition, 'revoked')
      partition.flush()
    }
    const settled = Promise.all(partitions.map((partition) => partition.settled()))
    await settlesWithin(this.#config.environment, settled, graceMs)
    for (const partition of partitions) this.#giveUp(partition)
  }

  #giveUp(partition: AssignedPartition): void {
    for (const attempt of partition.attempts) this.#runner.abort(attempt, 'shutdown')
    partition.detach()
  }

  #partitionContext(): PartitionContext {
    const { log, environment, pool } = this.#config
    return {
      log,
      environment,
      pool,
      options: this.#options,
      observer: this.#observer,
      hooks: {
        isPure: ({ block }) => this.#blocks.get(block)?.block.pure === true,
        enqueue: (attempt) => this.#queue.push(attempt.step.tenant, attempt.step.weight, attempt),
        cancel: (attempt) => this.#cancel(attempt),
        wake: () => this.#wake(),
        failed: (partition, error) => {
          if (partition.closed) this.#giveUp(partition)
          else void this.#rejoin(error)
        },
      },
    }
  }

  #cancel(attempt: Attempt): void {
    if (attempt.state === 'queued') {
      this.#queue.remove(attempt.step.tenant, attempt)
      attempt.state = 'ended'
      attempt.owner.ended(attempt, { kind: 'dropped' })
    } else this.#runner.abort(attempt, 'cancel')
  }

  #wake(): void {
    if (this.#pumpIsDue || this.#state === 'stopped') return
    this.#pumpIsDue = true
    this.#config.environment.soon(() => {
      this.#pumpIsDue = false
      this.#pump()
    })
  }

  #pump(): void {
    if (this.#state === 'stopped') return
    if (this.#state === 'running') {
      try {
        this.#read()
      } catch (error) {
        void this.#rejoin(error)
        return
      }
      const started = this.#startSteps()
      if (started === STARTS_AT_ONCE || this.#mayReadMore()) this.#wake()
    }
    for (const partition of this.#partitions.values()) partition.flush()
    this.#observer.load(this.#config.pool, this.load())
  }

  #startSteps(): number {
    let started = 0
    while (started < STARTS_AT_ONCE && this.#runner.running < this.#config.concurrency && !this.#isStuffed()) {
      const attempt = this.#queue.take()
      if (attempt === undefined) break
      this.#runner.start(attempt)
      started++
    }
    return started
  }

  /** Every partition has its turn to be read first. */
  #read(): void {
    const partitions = [...this.#partitions.values()]
    this.#turn = partitions.length === 0 ? 0 : (this.#turn + 1) % partitions.length
    for (const partition of partitions) partition.letGo()
    for (let i = 0; i < partitions.length; i++) {
      const partition = partitions[(this.#turn + i) % partitions.length]!
      const room = Math.min(READ_AT_ONCE, this.#room())
      if (room <= 0) return
      if (partition.more) this.#readOn(partition, room)
    }
  }

  /** One that cannot be read on stands still; the others need not wait for whoever decides what is to become of it. */
  #readOn(partition: AssignedPartition, room: number): void {
    try {
      partition.read(room)
    } catch (error) {
      if (!(error instanceof LogError) || error.code !== 'OFFSET_OUT_OF_RANGE') throw error
      const { pool } = this.#config
      this.#lost.set(partition.partition, `partition ${partition.partition} of the pool ${pool}: ${error.message}`)
      this.#observer.stopped(pool, partition.partition, error)
      // what runs may end and is reported; what has not begun is given up
      void this.#release([partition], this.#options.revokeGraceMs)
    }
  }

  /** Steps that may be read and not started. */
  #room(): number {
    let room = this.#options.readAhead - this.#queue.size
    for (const partition of this.#partitions.values()) room -= partition.held
    return room
  }

  #mayReadMore(): boolean {
    if (this.#room() <= 0) return false
    for (const partition of this.#partitions.values()) if (partition.more) return true
    return false
  }

  #isStuffed(): boolean {
    let bytes = 0
    for (const partition of this.#partitions.values()) bytes += partition.unreportedBytes
    return bytes > this.#options.unreportedBytes
  }

  /** What is not reported is run again, here or elsewhere, under the same attempts. */
  async #rejoin(error: unknown): Promise<void> {
    if (this.#state !== 'running') return
    this.#state = 'rejoining'
    this.#observer.rejoining(this.#config.pool, error)
    for (const partition of this.#partitions.values()) this.#giveUp(partition)
    this.#partitions.clear()
    this.#lost.clear()
    this.#queue.clear()
    await this.#leave()
    const { environment } = this.#config
    const { baseMs, maxMs } = this.#options.retry
    let cause = error
    for (let failures = 1; this.#state === 'rejoining'; failures++) {
      if (cause instanceof LogError && cause.code === 'LOG_CLOSED') return this.kill()
      await delay(environment, backoffMs(environment, failures, baseMs, maxMs))
      if (this.#state !== 'rejoining') return
      this.#state = 'running'
      try {
        await this.join()
      } catch (failed) {
        cause = failed
        if (this.#state === 'running') this.#state = 'rejoining'
      }
    }
  }

  async #leave(): Promise<void> {
    const membership = this.#membership
    this.#membership = null
    if (membership === null) return
    await settlesWithin(this.#config.environment, membership.leave(), this.#options.revokeGraceMs)
  }

  #stopped(): boolean {
    return this.#state === 'stopped'
  }
}
