/** Who owns a pool's partitions, and when they last showed that they are alive. */
import type { WorkerChanged } from '../../schemas/records/route.ts'
import type { Pool } from '../../schemas/topics.ts'
import type { Turn } from '../turn.ts'
import { workerKey } from './rows.ts'
import { WORKERS } from './stores.ts'

/** Signs of life closer together than this are worth one write. */
const SEEN_EVERY_MS = 5_000

/** A worker that leaves takes nothing with it if another has the partition by then. */
export function onWorkerChanged(turn: Turn, record: WorkerChanged): void {
  const key = workerKey(record.pool, record.partition)
  const { workerId, capacity } = record
  const known = turn.get(WORKERS, key)
  if (record.state === 'assigned') turn.put(WORKERS, key, { workerId, capacity, seenAtMs: turn.now })
  else if (known?.workerId === workerId) turn.put(WORKERS, key, { ...known, workerId: '', capacity: 0 })
}

export function sawWorker(turn: Turn, pool: Pool, partition: number): void {
  const key = workerKey(pool, partition)
  const known = turn.get(WORKERS, key)
  if (known !== undefined && turn.now - known.seenAtMs < SEEN_EVERY_MS) return
  turn.put(WORKERS, key, { workerId: '', capacity: 0, ...known, seenAtMs: turn.now })
}
