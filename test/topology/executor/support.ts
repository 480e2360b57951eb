/** A log with one pool that tests drive by hand, on virtual time. */
import type { Block } from '../../../processors/execute/block.ts'
import type { Progress } from '../../../processors/execute/progress.ts'
import { decodeRecord, encodeRecord } from '../../../schemas/codec/wire.ts'
import { newRunId, type RunId, type StepId, type TenantId } from '../../../schemas/ids.ts'
import { toJsonText } from '../../../schemas/json.ts'
import type { ExecuteStep } from '../../../schemas/records/execute.ts'
import type { BeamlineRecord } from '../../../schemas/records/index.ts'
import type { AttemptFinished } from '../../../schemas/records/result.ts'
import type { WorkerChanged } from '../../../schemas/records/route.ts'
import type { Pool } from '../../../schemas/topics.ts'
import type { Cancel, Environment } from '../../../topology/environment.ts'
import { type ExecutorConfig, type ExecutorHandle, startExecutor } from '../../../topology/executor/executor.ts'
import type {
  Log,
  LogRecord,
  Membership,
  OutRecord,
  PoolListener,
  PoolPartition,
  Position,
} from '../../../topology/log/port.ts'

export class VirtualEnvironment implements Environment {
  nowMs = 0
  #order = 0
  readonly #timers: { readonly at: number; readonly order: number; readonly callback: () => void }[] = []
  now(): number {
    return 1_750_000_000_000 + this.nowMs
  }
  monotonic(): number {
    return this.nowMs
  }
  after(ms: number, callback: () => void): Cancel {
    const timer = { at: this.nowMs + ms, order: this.#order++, callback }
    this.#timers.push(timer)
    return () => {
      const index = this.#timers.indexOf(timer)
      if (index >= 0) this.#timers.splice(index, 1)
    }
  }
  soon(callback: () => void): void {
    this.after(0, callback)
  }
  randomU32(): number {
    return 0x8000_0000
  }
  get timers(): number {
    return this.#timers.length
  }

  /** Runs everything that is due within `ms`, and all that follows from it. */
  async advance(ms = 0): Promise<void> {
    const until = this.nowMs + ms
    await microtasks()
    for (let steps = 0; ; steps++) {
      if (steps > 10_000) throw new Error(`10,000 callbacks and virtual time stands at ${this.nowMs} ms`)
      this.#timers.sort((a, b) => a.at - b.at || a.order - b.order)
      const next = this.#timers[0]
      if (next === undefined || next.at > until) break
      this.#timers.shift()
      if (next.at > this.nowMs) steps = 0
      this.nowMs = Math.max(this.nowMs, next.at)
      next.callback()
      await microtasks()
    }
    this.nowMs = until
  }
}

function microtasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

type Fault = () => Error | null

export class FakeLog implements Pick<Log, 'append' | 'joinPool' | 'partitions'> {
  readonly partitions: number
  readonly records: LogRecord[][]
  readonly progress = new Map<number, Progress>()
  /** Everything reported, in order. */
  readonly reported: BeamlineRecord[] = []
  readonly appended: OutRecord[] = []
  /** Partitions of the reported records, in order. */
  readonly homes: number[] = []
  reports = 0
  joins = 0
  reportFault: Fault = () => null
  pollFault: (partition: number) => Error | null = () => null
  appendFault: Fault = () => null
  listener: PoolListener | null = null
  readonly #environment: VirtualEnvironment
  readonly #held = new Map<number, { source: PoolPartition; told: () => void }>()

  constructor(environment: VirtualEnvironment, partitions: number) {
    this.#environment = environment
    this.partitions = partitions
    this.records = Array.from({ length: partitions }, () => [])
  }

  get results(): AttemptFinished[] {
    return this.reported.filter((record) => record.kind === 'AttemptFinished')
  }

  get workers(): WorkerChanged[] {
    return this.appended.map((record) => record.message).filter((record) => record?.kind === 'WorkerChanged')
  }

  /** Puts a record (or bytes that are none) at the tail of a pool partition. */
  put(partition: number, message: BeamlineRecord | Uint8Array): number {
    const value = message instanceof Uint8Array ? message : encodeRecord(message)
    const offset = this.records[partition]!.length
    this.records[partition]!.push({
      topic: 'execute.io',
      partition,
      key: null,
      value,
      headers: null,
      handled: false,
      message: null,
      offset,
      timestampMs: this.#environment.now(),
    })
    this.#held.get(partition)?.told()
    return offset
  }

  async append(records: readonly OutRecord[]): Promise<readonly Position[]> {
    await Promise.resolve()
    const error = this.appendFault()
    if (error !== null) throw error
    return records.map((record) => {
      this.appended.push(record)
      const isPool = record.topic === 'execute.io'
      const offset = isPool ? this.put(record.partition, decodeRecord(record.value)) : 0
      return { topic: record.topic, partition: record.partition, offset }
    })
  }

  async joinPool(_pool: Pool, listener: PoolListener): Promise<Membership> {
    this.joins++
    this.listener = listener
    this.#environment.soon(() => {
      for (let partition = 0; partition < this.partitions; partition++) this.assign(partition)
    })
    return { leave: async () => void (await Promise.all([...this.#held.keys()].map((p) => this.revoke(p)))) }
  }

  assign(partition: number): void {
    let position = this.progress.get(partition)?.next ?? 0
    const held = { told: (): void => {}, source: null as unknown as PoolPartition }
    const owned = (): boolean => this.#held.get(partition) === held
    held.source = {
      topic: 'execute.io',
      partition,
      progress: this.progress.get(partition) ?? { next: 0, beyond: [] },
      poll: (max) => {
        const error = this.pollFault(partition)
        if (error !== null) throw error
        const found = this.records[partition]!.slice(position, position + max)
        position += found.length
        return found
      },
      onRecords: (listener) => {
        held.told = listener
      },
      report: async (results, progress) => {
        this.reports++
        await Promise.resolve()
        const error = this.reportFault()
        if (error !== null) throw error
        if (!owned()) throw new Error('the partition has another owner')
        this.reported.push(...results.map((record) => decodeRecord(record.value)))
        this.homes.push(...results.map((record) => record.partition))
        this.progress.set(partition, progress)
      },
    }
    this.#held.set(partition, held)
    this.listener!.onAssigned(held.source)
  }

  async revoke(partition: number): Promise<void> {
    const held = this.#held.get(partition)
    if (held === undefined) return
    await this.listener!.onRevoked(held.source)
    this.#held.delete(partition)
  }
}

let runs = 0

export function step(block: string, input: unknown = null, changes: Partial<ExecuteStep> = {}): ExecuteStep {
  return {
    kind: 'ExecuteStep',
    runId: newRunId(runs++ % 7, () => runs) as RunId,
    stepId: 'one' as StepId,
    attempt: 1,
    tenant: 'acme' as TenantId,
    flow: 'flow',
    version: 1,
    block,
    input: toJsonText(input),
    timeoutMs: 60_000,
    priority: 5,
    weight: 1,
    carried: 0,
    traceparent: null,
    ...changes,
  }
}

export function block(type: string, run: Block['run'], more: Partial<Block> = {}): Block {
  return { type, version: 1, pool: 'io', summary: '', inputSchema: {}, errors: [], example: null, run, ...more }
}

/** A block whose runs the test ends by hand. */
export function heldBlock(type = 'held', honoursSignal = true): Block & { readonly runs: Held[] } {
  const held: Held[] = []
  const run: Block['run'] = (context) =>
    new Promise((resolve, reject) => {
      held.push({ key: context.key, end: resolve, fail: reject, signal: context.signal })
      if (honoursSignal) context.signal.addEventListener('abort', () => reject(context.signal.reason))
    })
  return { ...block(type, run), runs: held }
}

export interface Held {
  readonly key: string
  readonly signal: AbortSignal
  end(output: null): void
  fail(error: Error): void
}

export interface Bench {
  readonly environment: VirtualEnvironment
  readonly log: FakeLog
  readonly executor: ExecutorHandle
}

export async function startBench(
  blocks: readonly Block[],
  config: Partial<ExecutorConfig> & { readonly partitions?: number } = {},
): Promise<Bench> {
  const { partitions = 1, ...rest } = config
  const environment = new VirtualEnvironment()
  const log = new FakeLog(environment, partitions)
  const executor = await startExecutor({
    log,
    environment,
    pool: 'io',
    blocks,
    workerId: 'w1',
    concurrency: 4,
    ...rest,
  })
  await environment.advance()
  return { environment, log, executor }
}
