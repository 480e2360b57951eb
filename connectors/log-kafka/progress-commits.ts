/**
 * Commits of one pool member: at most one request is under way, and what gathers meanwhile, and while commits rest, goes out together in the next; of a partition the
 * latest counts.
 */
import type { Environment } from '../../topology/environment.ts'
import type { LogError } from '../../topology/log/port.ts'
import type { GroupMember, GroupOffset } from '../kafka-client/contract.ts'
import { writeError } from './errors.ts'

interface Waiter {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

interface Pending {
  offset: GroupOffset
  readonly waiters: Waiter[]
}

const LAZY_MS = 200

export class ProgressCommits {
  readonly #environment: Environment
  readonly #member: Promise<Pick<GroupMember, 'commitOffsets'>>
  readonly #onCommitted: (offset: GroupOffset) => void
  readonly #restMs: () => number
  #pending = new Map<number, Pending>()
  /** They wait for what is pending; nobody rests before. */
  #flushes: (() => void)[] = []
  #running = false
  #request: Promise<void> | null = null
  #endRest: (() => void) | null = null
  #cancelLazy: (() => void) | null = null

  /** `restMs`: for how long the next commit is left after one. */
  constructor(
    environment: Environment,
    member: Promise<Pick<GroupMember, 'commitOffsets'>>,
    onCommitted: (offset: GroupOffset) => void,
    restMs: () => number,
  ) {
    this.#environment = environment
    this.#member = member
    this.#onCommitted = onCommitted
    this.#restMs = restMs
  }

  /** @throws {LogError} `FENCED`: the partition is no longer this member's */
  commit(offset: GroupOffset): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#put(offset).waiters.push({ resolve, reject })
      this.#start()
    })
  }

  commitLazily(offset: GroupOffset): void {
    this.#put(offset)
    this.#cancelLazy ??= this.#environment.after(LAZY_MS, () => {
      this.#cancelLazy = null
      this.#start()
    })
  }

  /** Resolves once what is waiting now is committed or has failed, without a rest before it. What comes later is not waited for. */
  flush(): Promise<void> {
    if (this.#pending.size === 0) return this.#request ?? Promise.resolve()
    return new Promise((resolve) => {
      this.#flushes.push(resolve)
      this.#endRest?.()
      this.#start()
    })
  }

  /** A partition that is gone; who waits for a commit of it is told so. */
  forget(partition: number, error: LogError): void {
    const gone = this.#pending.get(partition)
    this.#pending.delete(partition)
    for (const { reject } of gone?.waiters ?? []) reject(error)
  }

  stop(): void {
    this.#cancelLazy?.()
    this.#cancelLazy = null
  }

  #put(offset: GroupOffset): Pending {
    const known = this.#pending.get(offset.partition)
    if (known !== undefined) known.offset = offset
    const pending = known ?? { offset, waiters: [] }
    this.#pending.set(offset.partition, pending)
    return pending
  }

  #start(): void {
    if (this.#running) return
    this.#running = true
    void this.#run()
  }

  async #run(): Promise<void> {
    while (this.#pending.size > 0) {
      const batch = [...this.#pending.values()]
      const flushes = this.#flushes.splice(0)
      this.#pending = new Map()
      this.#request = this.#send(batch)
      await this.#request
      this.#request = null
      for (const resolve of flushes) resolve()
      if (this.#flushes.length === 0) await this.#rest()
    }
    this.#running = false
    // what they waited for was forgotten
    for (const resolve of this.#flushes.splice(0)) resolve()
  }

  async #send(batch: readonly Pending[]): Promise<void> {
    try {
      await (await this.#member).commitOffsets(batch.map(({ offset }) => offset))
      for (const { offset, waiters } of batch) {
        this.#onCommitted(offset)
        for (const { resolve } of waiters) resolve()
      }
    } catch (error) {
      const failure = writeError(error)
      for (const { waiters } of batch) for (const { reject } of waiters) reject(failure)
    }
  }

  #rest(): Promise<void> {
    const restMs = this.#restMs()
    if (restMs === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const end = (): void => {
        cancel()
        this.#endRest = null
        resolve()
      }
      const cancel = this.#environment.after(restMs, end)
      this.#endRest = end
    })
  }
}
