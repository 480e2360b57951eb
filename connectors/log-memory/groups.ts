/**
 * Who owns which partition of a pool (or which task): partitions are dealt out over the members in order of joining; a change takes a
 * partition from its owner (who may finish what it is doing, for a grace period) before another member gets it.
 */
import type { Environment } from '../../topology/environment.ts'

export interface Member {
  readonly id: number
  /** Identifies the log handle that joined, so that all its memberships can be ended at once. */
  readonly client: object
  readonly environment: Environment
  readonly latencyMs: () => number
  assigned(partition: number, generation: number): void
  revoked(partition: number): Promise<void>
  leaving: boolean
}

interface Slot {
  readonly partition: number
  owner: Member | null
  /** The owner knows that it has the partition. */
  told: boolean
  revoking: boolean
  /** Grows with every change of owner; an owner with an older one has lost the partition. */
  generation: number
}

export interface Group {
  readonly slots: readonly Slot[]
  members: Member[]
  /** Added to the partition number when dealing out, so that a rebalance without a change of members moves something. */
  rotation: number
  readonly idle: Set<() => void>
}

export interface Groups {
  readonly partitions: number
  readonly byName: Map<string, Group>
  nextMember: number
}

/** How long a member may take to give a partition up. */
export const REVOKE_GRACE_MS = 5_000

export function createGroups(partitions: number): Groups {
  return { partitions, byName: new Map(), nextMember: 1 }
}

export function groupOf(groups: Groups, name: string): Group {
  let group = groups.byName.get(name)
  if (group === undefined) {
    const slots = Array.from({ length: groups.partitions }, (_, partition) => ({
      partition,
      owner: null,
      told: false,
      revoking: false,
      generation: 0,
    }))
    group = { slots, members: [], rotation: 0, idle: new Set() }
    groups.byName.set(name, group)
  }
  return group
}

export function join(groups: Groups, name: string, member: Omit<Member, 'id' | 'leaving'>): Member {
  const group = groupOf(groups, name)
  const joined: Member = { ...member, id: groups.nextMember++, leaving: false }
  group.members.push(joined)
  settle(group)
  return joined
}

/** Gives everything up in order; resolves once the last partition is released. */
export function leave(group: Group, member: Member): Promise<void> {
  member.leaving = true
  settle(group)
  const gone = () => group.slots.every((slot) => slot.owner !== member)
  const remove = () => {
    group.members = group.members.filter((m) => m !== member)
  }
  if (gone()) {
    remove()
    return Promise.resolve()
  }
  return new Promise((resolve) => {
    const check = () => {
      if (!gone()) return
      group.idle.delete(check)
      remove()
      resolve()
    }
    group.idle.add(check)
  })
}

/** Takes everything from the members of a client at once, as when its session has expired. It is not told. */
export function evict(groups: Groups, client: object): void {
  for (const group of groups.byName.values()) {
    group.members = group.members.filter((member) => member.client !== client)
    for (const slot of group.slots) if (slot.owner?.client === client) release(slot)
    settle(group)
  }
}

/** Moves partitions between the members although none has come or gone. */
export function rebalance(groups: Groups, name: string): void {
  const group = groupOf(groups, name)
  group.rotation += 1
  settle(group)
}

export function isOwner(group: Group, partition: number, generation: number): boolean {
  return group.slots[partition]!.generation === generation
}

function settle(group: Group): void {
  const live = group.members.filter((member) => !member.leaving)
  for (const slot of group.slots) {
    const wanted = live.length === 0 ? null : live[(slot.partition + group.rotation) % live.length]!
    if (slot.owner === wanted || slot.revoking) continue
    // an owner that was not told yet has nothing to give back
    if (slot.owner !== null && !slot.told) release(slot)
    if (slot.owner !== null) revoke(group, slot, slot.owner)
    else if (wanted !== null) assign(slot, wanted)
  }
  for (const check of [...group.idle]) check()
}

function assign(slot: Slot, member: Member): void {
  slot.owner = member
  slot.generation += 1
  const { generation } = slot
  member.environment.after(member.latencyMs(), () => {
    if (slot.generation !== generation) return
    slot.told = true
    member.assigned(slot.partition, generation)
  })
}

function release(slot: Slot): void {
  slot.owner = null
  slot.told = false
  slot.revoking = false
  slot.generation += 1
}

function revoke(group: Group, slot: Slot, owner: Member): void {
  slot.revoking = true
  const { generation } = slot
  const done = () => {
    if (slot.generation !== generation) return
    release(slot)
    settle(group)
  }
  const cancel = owner.environment.after(REVOKE_GRACE_MS, done)
  owner.environment.after(owner.latencyMs(), () => {
    const settled = () => {
      cancel()
      owner.environment.soon(done)
    }
    owner.revoked(slot.partition).then(settled, settled)
  })
}
