import type { Environment } from '../../topology/environment.ts'
import type { Connections } from './connection.ts'
import { type GroupOffset, KafkaClientError } from './contract.ts'
import { partitionKey } from './group-holdings.ts'
import { ProtocolError } from './protocol-error.ts'
import { type MemberOf, offsetCommit } from './requests/group.ts'
import { asClientError, isPassing, mayHaveMoved } from './retry.ts'

/** What commits need to know of the membership. */
export interface MembershipView {
  /** `null` between two generations, or while the group cannot be reached. */
  current(): MemberOf | null
  holds(key: string): boolean
  /** Resolves when `current` or what is held may have changed, or soon. */
  changed(): Promise<void>
  /** The broker's answer does not fit what is known: ask it. */
  doubt(): void
}

interface Waiting {
  readonly offsets: readonly GroupOffset[]
  readonly sinceMs: number
  readonly resolve: () => void
  readonly reject: (error: KafkaClientError) => void
}

const REBALANCING = new Set(['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID'])

/**
 * Commits of one member, one request at a time, so that an older offset can never overwrite a later one; what is asked for meanwhile goes out as one. A commit that meets a
 * rebalance is repeated in the new generation if the partition is still held.
 */
export class GroupCommits {
  readonly #groupId: string
  readonly #connections: Connections
  readonly #environment: Environment
  readonly #view: MembershipView
  readonly #deadlineMs: number
  #queue: Waiting[] = []
  #running = false
  #closed = false

  constructor(
    group: { readonly groupId: string; readonly deadlineMs: number },
    connections: Connections,
    environment: Environment,
    view: MembershipView,
  ) {
    this.#groupId = group.groupId
    this.#deadlineMs = group.deadlineMs
    this.#connections = connections
    this.#environment = environment
    this.#view = view
  }

  commit(offsets: readonly GroupOffset[]): Promise<void> {
    if (offsets.length === 0) return Promise.resolve()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#queue.push({ offsets, sinceMs: this.#environment.monotonic(), resolve, reject })
    void this.#run()
    return promise
  }

  close(): void {
    this.#closed = true
    for (const waiting of this.#queue.splice(0)) waiting.reject(this.#closedError())
  }

  async #run(): Promise<void> {
    if (this.#running) return
    this.#running = true
    while (this.#queue.length > 0) {
      const taken = this.#queue
      this.#queue = []
      const left = await this.#round(this.#stillHeld(taken))
      // those that failed for a passing reason go first: later commits of the same partitions win
      this.#queue.unshift(...left)
    }
    this.#running = false
  }

  /** One request; answers what is to be tried again. */
  async #round(waiting: readonly Waiting[]): Promise<readonly Waiting[]> {
    if (waiting.length === 0) return []
    const member = this.#view.current()
    if (member === null) {
      await this.#view.changed()
      return this.#inTime(waiting, new KafkaClientError('UNREACHABLE', `${this.#what()}: no membership at present`))
    }
    try {
      const refusals = await this.#send(member, waiting)
      const again = waiting.filter((each) => this.#settle(each, refusals))
      if (again.length === 0) return []
      const refusal = [...refusals.values()][0]!
      await this.#recover(refusal, member)
      return this.#inTime(again, asClientError(refusal, this.#what()))
    } catch (error) {
      if (!isPassing(error) || this.#closed) return this.#rejectAll(waiting, asClientError(error, this.#what()))
      await this.#recover(error, member)
      return this.#inTime(waiting, asClientError(error, this.#what()))
    }
  }

  async #send(member: MemberOf, waiting: readonly Waiting[]): Promise<ReadonlyMap<string, ProtocolError>> {
    const latest = new Map<string, GroupOffset>()
    for (const { offsets } of waiting) for (const offset of offsets) latest.set(partitionKey(offset), offset)
    const coordinator = await this.#connections.coordinator('group', this.#groupId)
    const refusals = new Map<string, ProtocolError>()
    for (const answer of await coordinator.send(offsetCommit(member, [...latest.values()]))) {
      const key = partitionKey(answer)
      const subject = `group ${this.#groupId}, ${key}`
      if (answer.errorCode !== 0) refusals.set(key, new ProtocolError(answer.errorCode, 'OffsetCommit', subject))
    }
    this.#connections.health.succeeded('OffsetCommit')
    return refusals
  }

  /** Answers true if it is to be tried again. */
  #settle({ offsets, resolve, reject }: Waiting, refusals: ReadonlyMap<string, ProtocolError>): boolean {
    const met = offsets.flatMap((offset) => refusals.get(partitionKey(offset)) ?? [])
    const final = met.find((refusal) => !REBALANCING.has(refusal.errorName) && !isPassing(refusal))
    if (final !== undefined) reject(asClientError(final, this.#what()))
    else if (met.length === 0) resolve()
    else return true
    return false
  }

  async #recover(error: unknown, member: MemberOf): Promise<void> {
    if (error instanceof ProtocolError && REBALANCING.has(error.errorName)) {
      const now = this.#view.current()
      if (now !== null && now.generation === member.generation) this.#view.doubt()
    } else {
      this.#connections.health.failed('OffsetCommit', (error as Error).message)
      if (mayHaveMoved(error)) this.#connections.forget()
    }
    await this.#view.changed()
  }

  #stillHeld(waiting: readonly Waiting[]): readonly Waiting[] {
    return waiting.filter(({ offsets, reject }) => {
      const missing = offsets.find((offset) => !this.#view.holds(partitionKey(offset)))
      if (missing === undefined && !this.#closed) return true
      const message = `${this.#what()}: ${partitionKey(missing ?? offsets[0]!)} is not this member's any more`
      reject(this.#closed ? this.#closedError() : new KafkaClientError('FENCED', message))
      return false
    })
  }

  #inTime(waiting: readonly Waiting[], error: KafkaClientError): readonly Waiting[] {
    const now = this.#environment.monotonic()
    const late = waiting.filter(({ sinceMs }) => now - sinceMs > this.#deadlineMs)
    this.#rejectAll(late, error)
    return waiting.filter((each) => !late.includes(each))
  }

  #rejectAll(waiting: readonly Waiting[], error: KafkaClientError): readonly Waiting[] {
    for (const { reject } of waiting) reject(error)
    return []
  }

  #what(): string {
    return `commit offsets of group ${this.#groupId}`
  }

  #closedError(): KafkaClientError {
    return new KafkaClientError('CLOSED', `${this.#what()}: the member has left`)
  }
}
