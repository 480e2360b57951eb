/** Which partitions of a pool are known to have a worker. */
import type { Index, IndexDef } from '../turn.ts'
import type { WorkerRow } from './rows.ts'

export interface WorkerTable extends Index<WorkerRow> {
  /** Ascending. */
  partitions(pool: string): readonly number[]
}

export const WORKER_TABLE: IndexDef<WorkerRow, WorkerTable> = { name: 'worker-table', create: createWorkerTable }

const NONE: readonly number[] = []

function createWorkerTable(): WorkerTable {
  const pools = new Map<string, readonly number[]>()
  return {
    partitions: (pool) => pools.get(pool) ?? NONE,
    change(key, before, after) {
      const had = before !== undefined && before.workerId !== ''
      const has = after !== undefined && after.workerId !== ''
      if (had === has) return
      const slash = key.indexOf('/')
      const pool = key.slice(0, slash)
      const partition = Number(key.slice(slash + 1))
      const known = pools.get(pool) ?? NONE
      pools.set(pool, has ? [...known, partition].sort((a, b) => a - b) : known.filter((p) => p !== partition))
    },
  }
}
