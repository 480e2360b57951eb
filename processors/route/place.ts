/**
 * Which partition of the pool an attempt goes to: the sticky one if its worker still owns it, else one whose worker has the attempt's kernel compiled, unless that is
 * too far ahead of the others, else the less loaded of two. Those are drawn at random, for a sticky key from its hash: runs of one key may have several homes, whose tasks
 * then come to the same worker.
 */
import { murmur2 } from '../../schemas/murmur2.ts'
import type { Pool } from '../../schemas/topics.ts'
import type { Turn } from '../turn.ts'
import { deviceKey, workerKey } from './rows.ts'
import { SLOTS } from './slots.ts'
import { STICKY_SIZE } from './sticky-size.ts'
import { DEVICES, STICKY, WORKERS } from './stores.ts'
import { WORKER_TABLE } from './worker-table.ts'

export interface Placed {
  readonly tenant: string
  readonly pool: Pool
  readonly stickyKey: string | null
  readonly stickyTtlMs: number | null
}

const DEFAULT_TTL_MS = 3_600_000

/** `kernel`: of a step that runs one, see `kernel-of.ts`; `maxKeys`: sticky keys remembered at most. */
export function choosePartition(turn: Turn, step: Placed, kernel: string | null, maxKeys: number): number {
  if (step.stickyKey === null) return draw(turn, step.pool, kernel, turn.random(), turn.random())
  const key = `${step.tenant}/${step.pool}/${step.stickyKey}`
  const known = turn.get(STICKY, key)
  const valid =
    known !== undefined && known.expiresAtMs > turn.now && known.workerId === ownerOf(turn, step.pool, known.partition)
  turn.count(valid ? 'sticky_hits' : 'sticky_misses')
  const partition = valid ? known.partition : draw(turn, step.pool, kernel, ...drawnFrom(key))
  const ttlMs = step.stickyTtlMs ?? DEFAULT_TTL_MS
  const expiresAtMs = turn.now + ttlMs
  // a hit moves the expiry only when that is worth a write
  if (!valid || expiresAtMs - known.expiresAtMs > ttlMs / 16) {
    if (known === undefined) makeRoom(turn, maxKeys)
    turn.put(STICKY, key, { partition, workerId: ownerOf(turn, step.pool, partition), expiresAtMs })
  }
  return partition
}

/** Keys may be as many as there are runs, and their time to live may be years. */
function makeRoom(turn: Turn, maxKeys: number): void {
  if (turn.index(STICKY_SIZE).size < maxKeys) return
  const [oldest] = turn.rows(STICKY).next().value!
  turn.delete(STICKY, oldest)
}

function ownerOf(turn: Turn, pool: Pool, partition: number): string {
  return turn.get(WORKERS, workerKey(pool, partition))?.workerId ?? ''
}

function drawnFrom(key: string): [number, number] {
  const hash = murmur2(key)
  return [hash & 0xffff, hash >>> 16]
}

function draw(turn: Turn, pool: Pool, kernel: string | null, one: number, other: number): number {
  const known = turn.index(WORKER_TABLE).partitions(pool)
  const any = lessLoadedOfTwo(turn, pool, known, one, other)
  if (kernel === null) return any
  const warm = known.filter((partition) => isWarm(turn, pool, partition, kernel))
  if (warm.length === 0 || warm.length === known.length) return any
  const best = lessLoadedOfTwo(turn, pool, warm, one, other)
  const goesWarm = warm.includes(any) || !isFarAhead(turn, pool, best, any)
  turn.count(goesWarm ? 'warm_hits' : 'warm_misses')
  return goesWarm ? best : any
}

function isWarm(turn: Turn, pool: Pool, partition: number, kernel: string): boolean {
  return turn.get(DEVICES, deviceKey(pool, ownerOf(turn, pool, partition)))?.warm.includes(kernel) === true
}

/** By more than half of this task's share of what the worker does at once: compiling costs less than waiting for that. */
function isFarAhead(turn: Turn, pool: Pool, partition: number, other: number): boolean {
  const slots = turn.index(SLOTS)
  const capacity = turn.get(WORKERS, workerKey(pool, partition))?.capacity ?? 0
  const allowed = Math.max(1, Math.floor(capacity / (2 * turn.partitions)))
  return slots.ofPartition(pool, partition) - slots.ofPartition(pool, other) > allowed
}

/** Partitions with a known worker are preferred; if there is none, records wait in the topic for one. */
function lessLoadedOfTwo(turn: Turn, pool: Pool, known: readonly number[], draw: number, otherDraw: number): number {
  const n = known.length === 0 ? turn.partitions : known.length
  if (n === 1) return known[0] ?? 0
  const a = draw % n
  const b = (a + 1 + (otherDraw % (n - 1))) % n
  const first = known[a] ?? a
  const second = known[b] ?? b
  return loadOf(turn, pool, second) < loadOf(turn, pool, first) ? second : first
}

/** This task's assigned attempts there, by the capacity of its worker. */
function loadOf(turn: Turn, pool: Pool, partition: number): number {
  const count = turn.index(SLOTS).ofPartition(pool, partition)
  if (count === 0) return 0
  return count / Math.max(1, turn.get(WORKERS, workerKey(pool, partition))?.capacity ?? 1)
}
