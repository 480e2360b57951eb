/**
 * Divides partitions among members. Balanced: nobody has more than one more than anybody else. Sticky: as many as the balance allows stay where they are.
 * Deterministic: the order in which members are named changes nothing.
 */

export interface AssigneeState {
  readonly memberId: string
  /** What it says it works on: stays if it can. */
  readonly owned: readonly string[]
  /** What it has still to let go of: is free, but not yet. */
  readonly releasing: readonly string[]
  /** Of the claim: where two claim the same, the later one holds it. */
  readonly generation: number
}

export interface Division {
  /** For each member: what it is given now. */
  readonly given: ReadonlyMap<string, readonly string[]>
  /** What nobody is given yet, because another still holds it: comes with the next rebalance after it has let go. */
  readonly withheld: readonly string[]
}

/** `partitions` are distinct; the division follows their order. There must be a member. */
export function divide(
  partitions: readonly string[],
  members: readonly AssigneeState[],
  waitForRelease: boolean,
): Division {
  const holders = holdersOf(partitions, members)
  const target = balance(partitions, members, holders)
  const claimants = claimantsOf(members)
  const withheld: string[] = []
  const given = new Map([...target.keys()].map((memberId) => [memberId, [] as string[]]))
  for (const [memberId, its] of target) {
    for (const partition of its) {
      const heldByOther = claimants.get(partition)?.some((claimant) => claimant !== memberId) ?? false
      if (waitForRelease && heldByOther) withheld.push(partition)
      else given.get(memberId)!.push(partition)
    }
  }
  return { given, withheld }
}

function balance(
  partitions: readonly string[],
  members: readonly AssigneeState[],
  holders: ReadonlyMap<string, string>,
): Map<string, string[]> {
  const held = Map.groupBy(
    partitions.filter((partition) => holders.has(partition)),
    (partition) => holders.get(partition)!,
  )
  const heldCount = ({ memberId }: AssigneeState): number => held.get(memberId)?.length ?? 0
  // those that hold most get the odd ones: least moves
  const inTurn = [...members].sort(
    (left, right) => heldCount(right) - heldCount(left) || (left.memberId < right.memberId ? -1 : 1),
  )
  const least = Math.floor(partitions.length / members.length)
  const odd = partitions.length % members.length
  const free = new Set(partitions)
  const shares = inTurn.map(({ memberId }, index) => {
    const quota = index < odd ? least + 1 : least
    const kept = (held.get(memberId) ?? []).slice(0, quota)
    for (const partition of kept) free.delete(partition)
    return { memberId, quota, kept }
  })
  const rest = [...free]
  return new Map(
    shares.map(({ memberId, quota, kept }) => [memberId, [...kept, ...rest.splice(0, quota - kept.length)]]),
  )
}

function holdersOf(partitions: readonly string[], members: readonly AssigneeState[]): ReadonlyMap<string, string> {
  const known = new Set(partitions)
  const holders = new Map<string, AssigneeState>()
  for (const member of members) {
    for (const partition of member.owned) {
      if (known.has(partition) && isStronger(member, holders.get(partition))) holders.set(partition, member)
    }
  }
  return new Map([...holders].map(([partition, { memberId }]) => [partition, memberId]))
}

function isStronger(member: AssigneeState, than: AssigneeState | undefined): boolean {
  if (than === undefined || member.generation > than.generation) return true
  return member.generation === than.generation && member.memberId < than.memberId
}

function claimantsOf(members: readonly AssigneeState[]): ReadonlyMap<string, readonly string[]> {
  const claimants = new Map<string, string[]>()
  for (const { memberId, owned, releasing } of members) {
    for (const partition of [...owned, ...releasing])
      claimants.set(partition, [...(claimants.get(partition) ?? []), memberId])
  }
  return claimants
}
