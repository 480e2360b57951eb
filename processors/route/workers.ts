/** Who owns a pool's partitions, what their steps run on, and when they last showed that they are alive. */
import type { WorkerChanged, WorkerDevice } from '../../schemas/records/route.ts'
import type { Pool } from '../../schemas/topics.ts'
import type { Turn } from '../turn.ts'
import { deviceKey, workerKey } from './rows.ts'
import { DEVICES, WORKERS } from './stores.ts'
import { WORKER_TABLE } from './worker-table.ts'

/** Signs of life closer together than this are worth one write. */
const SEEN_EVERY_MS = 5_000

/** A worker that leaves takes nothing with it if another has the partition by then. */
export function onWorkerChanged(turn: Turn, record: WorkerChanged): void {
  const key = workerKey(record.pool, record.partition)
  const { workerId, capacity } = record
  const known = turn.get(WORKERS, key)
  if (record.state === 'assigned') turn.put(WORKERS, key, { workerId, capacity, seenAtMs: turn.now })
  else if (known?.workerId === workerId) turn.put(WORKERS, key, { ...known, workerId: '', capacity: 0 })
  if (known !== undefined) forgetDevice(turn, record.pool, known.workerId)
}

/** One who owns nothing is forgotten at once, so that there are never more rows than partitions. */
export function onWorkerDevice(turn: Turn, record: WorkerDevice): void {
  const { pool, workerId, backend, adapter, arrayMaxBytes, why, warm } = record
  if (!ownsAny(turn, pool, workerId)) return
  turn.put(DEVICES, deviceKey(pool, workerId), { backend, adapter, arrayMaxBytes, why, warm })
}

function forgetDevice(turn: Turn, pool: Pool, workerId: string): void {
  const key = deviceKey(pool, workerId)
  if (turn.get(DEVICES, key) !== undefined && !ownsAny(turn, pool, workerId)) turn.delete(DEVICES, key)
}

function ownsAny(turn: Turn, pool: Pool, workerId: string): boolean {
  const partitions = turn.index(WORKER_TABLE).partitions(pool)
  return partitions.some((partition) => turn.get(WORKERS, workerKey(pool, partition))?.workerId === workerId)
}

export function sawWorker(turn: Turn, pool: Pool, partition: number): void {
  const key = workerKey(pool, partition)
  const known = turn.get(WORKERS, key)
  if (known !== undefined && turn.now - known.seenAtMs < SEEN_EVERY_MS) return
  turn.put(WORKERS, key, { workerId: '', capacity: 0, ...known, seenAtMs: turn.now })
}
