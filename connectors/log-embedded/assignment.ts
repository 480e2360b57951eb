/** Shares numbered items (a pool's partitions, the tasks) among the members of this process. */
import type { Environment } from '../../topology/environment.ts'
import type { Membership } from '../../topology/log/port.ts'

/** A member that has not let go of an item after this long loses it all the same. */
const GRACE_MS = 30_000

export interface Member {
  assign(item: number): void
  /** The member should let go; the item is taken from it once the promise settles or the grace period ends. */
  revoke(item: number): Promise<void>
  /** The member has lost the item. */
  lost(item: number): void
}

export class Assignment {
  readonly #owners: (Member | null)[]
  readonly #environment: Environment
  readonly #share: (item: number, members: number) => number
  readonly #settled: () => Promise<void>
  #members: readonly Member[] = []
  #last: Promise<void> = Promise.resolve()

  /**
   * `share` says which of the members, in order of joining, an item belongs to. Items are handed on after `settled`: what their last owners did has taken
   * effect by then or has failed.
   */
  constructor(
    items: number,
    environment: Environment,
    share: (item: number, members: number) => number,
    settled: () => Promise<void> = async () => {},
  ) {
    this.#owners = new Array(items).fill(null)
    this.#environment = environment
    this.#share = share
    this.#settled = settled
  }

  async join(member: Member): Promise<Membership> {
    this.#members = [...this.#members, member]
    await this.#rebalance()
    return {
      leave: () => {
        this.#members = this.#members.filter((each) => each !== member)
        return this.#rebalance()
      },
    }
  }

  #rebalance(): Promise<void> {
    const moved = this.#last.then(() => this.#moveItems())
    this.#last = moved.catch(() => {})
    return moved
  }

  async #moveItems(): Promise<void> {
    const members = this.#members
    const wanted = this.#owners.map((_, item) => members[this.#share(item, members.length)] ?? null)
    await Promise.all(
      this.#owners.map(async (owner, item) => {
        if (owner === null || owner === wanted[item]) return
        await this.#revoke(owner, item)
        owner.lost(item)
        this.#owners[item] = null
      }),
    )
    if (wanted.some((member, item) => member !== null && this.#owners[item] === null)) await this.#settled()
    for (const [item, member] of wanted.entries()) {
      if (this.#owners[item] !== null || member === null) continue
      this.#owners[item] = member
      member.assign(item)
    }
  }

  #revoke(owner: Member, item: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#environment.after(GRACE_MS, resolve)
      const done = () => {
        cancel()
        resolve()
      }
      owner.revoke(item).then(done, done)
    })
  }
}
