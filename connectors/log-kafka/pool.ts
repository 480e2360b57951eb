/** A member of a pool: a group consumer whose partitions are read by a feed each, and whose progress is the group's commits. */

import { executeTopic, type Pool } from '../../schemas/topics.ts'
import { LogError, type Membership, type PoolListener, type Progress } from '../../topology/log/port.ts'
import { decodeProgress } from '../../topology/log/progress-text.ts'
import type { GroupMember, GroupOffset, TopicPartition } from '../kafka-client/contract.ts'
import { partitionsOf } from './client-partitions.ts'
import type { KafkaLogContext } from './context.ts'
import { fencedError, readError } from './errors.ts'
import { KafkaPoolPartition } from './pool-partition.ts'
import { ProgressCommits } from './progress-commits.ts'

const LOAD_FIRST_MS = 100
const LOAD_MAX_MS = 5_000

/** A partition that this member has been given: `null` until what is stored for it is known. */
interface Held {
  partition: KafkaPoolPartition | null
}

export interface PoolMembership extends Membership {
  /** Stores progress and leaves without telling the listener. */
  abandon(): Promise<void>
}

/** @throws {LogError} */
export async function joinPoolOn(
  context: KafkaLogContext,
  pool: Pool,
  listener: PoolListener,
): Promise<PoolMembership> {
  const member = new PoolMember(context, pool, listener)
  await member.join()
  return member
}

class PoolMember implements PoolMembership {
  readonly #context: KafkaLogContext
  readonly #pool: Pool
  readonly #listener: PoolListener
  readonly #held = new Map<number, Held>()
  readonly #joined = Promise.withResolvers<GroupMember>()
  readonly #commits: ProgressCommits
  #told = true
  #left: Promise<void> | null = null
  #cancelSettle: (() => void) | null = null

  constructor(context: KafkaLogContext, pool: Pool, listener: PoolListener) {
    this.#context = context
    this.#pool = pool
    this.#listener = listener
    this.#commits = new ProgressCommits(
      context.environment,
      this.#joined.promise,
      ({ partition, offset }) => context.committed(executeTopic(pool), partition, offset),
      () => context.pace.progressMs,
    )
    this.#joined.promise.catch(() => undefined)
  }

  async join(): Promise<void> {
    const { client, names, partitions, timings } = this.#context
    const { sessionTimeoutMs, rebalanceTimeoutMs, heartbeatMs } = timings
    try {
      const member = await client.joinGroup({
        groupId: names.poolGroup(this.#pool),
        partitions: partitionsOf(names.topic(executeTopic(this.#pool)), partitions),
        sessionTimeoutMs,
        rebalanceTimeoutMs,
        heartbeatMs,
        waitForRelease: true,
        onAssigned: (places) => this.#assigned(places),
        onRevoked: (places) => this.#revoked(places),
      })
      this.#joined.resolve(member)
      this.#armSettle()
    } catch (error) {
      this.#joined.reject(error)
      throw readError(error)
    }
  }

  leave(): Promise<void> {
    this.#left ??= this.#leave()
    return this.#left
  }

  abandon(): Promise<void> {
    this.#told = false
    return this.leave()
  }

  async #leave(): Promise<void> {
    this.#cancelSettle?.()
    await this.#commits.flush()
    const member = await this.#joined.promise
    await member.leave().catch((error: Error) => this.#context.onProblem(error.message))
    this.#commits.stop()
    for (const partition of [...this.#held.keys()]) this.#letGo(partition)
  }

  #assigned(places: readonly TopicPartition[]): void {
    const loading = places.map((place) => {
      const held: Held = { partition: null }
      this.#held.set(place.partition, held)
      return { place, held }
    })
    void this.#load(loading, LOAD_FIRST_MS)
  }

  /** Looks up the progress of partitions, again and again while it cannot be had. */
  async #load(
    loading: readonly { readonly place: TopicPartition; readonly held: Held }[],
    waitMs: number,
  ): Promise<void> {
    const { client, names, environment, onProblem } = this.#context
    const wanted = loading.filter(({ place, held }) => this.#held.get(place.partition) === held)
    if (wanted.length === 0 || this.#left !== null) return
    const places = wanted.map(({ place }) => place)
    try {
      const [stored, first, end] = await Promise.all([
        client.committedOffsets(names.poolGroup(this.#pool), places),
        client.listOffsets(places, 'first'),
        client.listOffsets(places, 'end'),
      ])
      for (const { place, held } of wanted) {
        if (this.#held.get(place.partition) !== held || this.#left !== null) continue
        const key = `${place.topic}/${place.partition}`
        held.partition = this.#open(place, stored.get(key), first.get(key) ?? 0, end.get(key) ?? 0)
        if (this.#told) this.#listener.onAssigned(held.partition)
      }
    } catch (error) {
      onProblem(`the progress of pool ${this.#pool} cannot be read: ${(error as Error).message}`)
      environment.after(waitMs, () => void this.#load(wanted, Math.min(2 * waitMs, LOAD_MAX_MS)))
    }
  }

  #open(place: TopicPartition, stored: GroupOffset | undefined, first: number, end: number): KafkaPoolPartition {
    const { fetchers, append } = this.#context
    const progress = stored === undefined ? { next: first, beyond: [] } : this.#progressOf(stored)
    // the offset may be farther than the progress, past what is no record
    const failure = outOfRange(place, this.#context.names.poolGroup(this.#pool), stored?.offset ?? first, first, end)
    return new KafkaPoolPartition({
      topic: executeTopic(this.#pool),
      place,
      progress,
      failure,
      feed: failure === null ? fetchers.pools().add(place, progress.next) : null,
      append,
      commit: (offset) => this.#commits.commit(offset),
      commitLazily: (offset) => this.#commits.commitLazily(offset),
    })
  }

  /** What an operator has set bears no progress of ours. */
  #progressOf({ offset, metadata, topic, partition }: GroupOffset): Progress {
    if (metadata === undefined || metadata === '') return { next: offset, beyond: [] }
    try {
      const progress = decodeProgress(metadata)
      if (progress.beyond.length > 0 && progress.next === offset) return progress
      return { next: offset, beyond: [] }
    } catch (error) {
      this.#context.onProblem(`commit of ${topic} ${partition}: ${(error as Error).message}; only its offset is used`)
      return { next: offset, beyond: [] }
    }
  }

  async #revoked(places: readonly TopicPartition[]): Promise<void> {
    await Promise.all(
      places.map(async ({ partition }) => {
        const { partition: source = null } = this.#held.get(partition) ?? {}
        if (source !== null && this.#told) await this.#listener.onRevoked(source)
        await this.#commits.flush()
        this.#letGo(partition)
      }),
    )
  }

  #letGo(partition: number): void {
    const held = this.#held.get(partition)
    const error = fencedError(`partition ${partition} of ${executeTopic(this.#pool)}`)
    this.#held.delete(partition)
    this.#commits.forget(partition, error)
    held?.partition?.end(error)
  }

  #armSettle(): void {
    const { environment, timings } = this.#context
    this.#cancelSettle = environment.after(timings.settleAfterMs, () => {
      for (const { partition } of this.#held.values()) partition?.settle()
      this.#armSettle()
    })
  }
}

function outOfRange(
  { topic, partition }: TopicPartition,
  group: string,
  offset: number,
  first: number,
  end: number,
): LogError | null {
  if (offset >= first && offset <= end) return null
  const what =
    offset < first
      ? `records ${offset} to ${first - 1} were removed before they were done`
      : `it was done up to ${offset}, but it ends at ${end}: it was deleted or cut`
  return new LogError(
    'OFFSET_OUT_OF_RANGE',
    `${topic} ${partition}: ${what}. To go on without them, stop the pool and set the offset of group ${group} with kafka-consumer-groups --reset-offsets`,
  )
}
