import type { Environment } from '../../topology/environment.ts'
import type { GroupOptions, TopicPartition } from './contract.ts'

export const partitionKey = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`

/**
 * What a member holds. A partition is held from `onAssigned` until the promise of `onRevoked` has settled, or its time is up; it is given a second time only
 * after that.
 */
export class Holdings {
  readonly #options: Pick<GroupOptions, 'onAssigned' | 'onRevoked' | 'rebalanceTimeoutMs'>
  readonly #environment: Environment
  readonly #onReleased: () => void
  #assigned = new Map<string, TopicPartition>()
  readonly #working = new Map<string, TopicPartition>()
  readonly #releasing = new Map<string, TopicPartition>()
  /** Taken away without having been let go: nothing may be committed for them. */
  readonly #lost = new Set<string>()
  #leaving = false

  /** `onReleased` is called when something was let go that the group is to know of. */
  constructor(
    options: Pick<GroupOptions, 'onAssigned' | 'onRevoked' | 'rebalanceTimeoutMs'>,
    environment: Environment,
    onReleased: () => void,
  ) {
    this.#options = options
    this.#environment = environment
    this.#onReleased = onReleased
  }

  get working(): readonly TopicPartition[] {
    return [...this.#working.values()]
  }

  /** What is being let go of, as far as nobody else may have it yet. */
  get releasing(): readonly TopicPartition[] {
    return [...this.#releasing].filter(([key]) => !this.#lost.has(key)).map(([, partition]) => partition)
  }

  /** True if offsets of it may be committed. */
  holds(key: string): boolean {
    return (this.#working.has(key) || this.#releasing.has(key)) && !this.#lost.has(key)
  }

  /** Takes up the group's decision. */
  assign(partitions: readonly TopicPartition[]): void {
    this.#assigned = new Map(this.#leaving ? [] : partitions.map((each) => [partitionKey(each), each]))
    this.#release([...this.#working].filter(([key]) => !this.#assigned.has(key)))
    this.#takeUp()
  }

  /** The group has given everything to others, or may have. */
  lose(): void {
    this.#assigned.clear()
    for (const key of [...this.#working.keys(), ...this.#releasing.keys()]) this.#lost.add(key)
    this.#release([...this.#working])
  }

  /** Lets go of everything and takes nothing any more; resolves when all is let go. */
  async leave(): Promise<void> {
    this.#leaving = true
    this.#assigned.clear()
    this.#release([...this.#working])
    while (this.#releasing.size > 0) await new Promise<void>((resolve) => this.#emptied.push(resolve))
  }

  readonly #emptied: (() => void)[] = []

  #takeUp(): void {
    const fresh = [...this.#assigned].filter(([key]) => !this.#working.has(key) && !this.#releasing.has(key))
    if (fresh.length === 0) return
    for (const [key, partition] of fresh) this.#working.set(key, partition)
    this.#options.onAssigned(fresh.map(([, partition]) => partition))
  }

  #release(entries: readonly (readonly [string, TopicPartition])[]): void {
    if (entries.length === 0) return
    for (const [key, partition] of entries) {
      this.#working.delete(key)
      this.#releasing.set(key, partition)
    }
    void this.#letGo(entries.map(([, partition]) => partition)).then(() => this.#released(entries))
  }

  /** Settles when the promise does, at the latest after the rebalance timeout: the others do not wait longer. */
  async #letGo(partitions: readonly TopicPartition[]): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const cancel = this.#environment.after(this.#options.rebalanceTimeoutMs, resolve)
    // what it cannot finish is not the group's concern
    const done = this.#options.onRevoked(partitions).catch(() => {})
    await Promise.race([done, late])
    cancel()
  }

  #released(entries: readonly (readonly [string, TopicPartition])[]): void {
    const told = entries.some(([key]) => !this.#lost.has(key))
    for (const [key] of entries) {
      this.#releasing.delete(key)
      this.#lost.delete(key)
    }
    this.#takeUp()
    if (told) this.#onReleased()
    if (this.#releasing.size === 0) for (const resolve of this.#emptied.splice(0)) resolve()
  }
}
