/**
 * Commits of one pool member: at most one request is under way, and what gathers meanwhile, and while commits rest, goes out together in the next; of a partition the
 * latest counts.
 */
import type { Environment } from '../../topology/environment.ts'
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
  readonly #member: Promise<GroupMember>
  readonly #onCommitted: (offset: GroupOffset) => void
  readonly #restMs: () => number
  #pending = new Map<number, Pending>()
  #running: Promise<void> | null = null
  #cancelLazy: (() => void) | null = null

  /** `restMs`: for how long the next commit is left after one. */
  constructor(
    environment: Environment,
    member: Promise<GroupMember>,
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
      void this.flush()
    })
  }

  commitLazily(offset: GroupOffset): void {
    this.#put(offset)
    this.#cancelLazy ??= this.#environment.after(LAZY_MS, () => {
      this.#cancelLazy = null
      void this.flush()
    })
  }

  /** Resolves once what is waiting now is committed or has failed. */
  flush(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = null
    })
    return this.#running
  }

  /** A partition that is gone. */
  forget(partition: number): void {
    this.#pending.delete(partition)
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

  async #run(): Promise<void> {
    while (this.#pending.size > 0) {
      const batch = [...this.#pending.values()]
      this.#pending = new Map()
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
      const restMs = this.#restMs()
      if (restMs > 0) await new Promise<void>((resolve) => this.#environment.after(restMs, resolve))
    }
  }
}
