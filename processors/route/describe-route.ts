import type { DescribeRoute } from '../../schemas/records/route.ts'
import type { RouteDescription } from '../../schemas/route-description.ts'
import type { Pool } from '../../schemas/topics.ts'
import type { Turn } from '../turn.ts'
import { SLOTS } from './slots.ts'
import { DEVICES, LANES, WORKERS } from './stores.ts'
import { WAITING } from './waiting.ts'

/** Answers what this task knows of workers and queues; changes nothing. */
export function onDescribeRoute(turn: Turn, { replyTo }: DescribeRoute): void {
  turn.reply(replyTo, { ok: true, code: 'described', body: describe(turn) })
}

function describe(turn: Turn): RouteDescription {
  const slots = turn.index(SLOTS)
  const lanes = turn.index(WAITING)
  const partitions = [...turn.rows(WORKERS)].map(([key, { workerId, capacity, seenAtMs }]) => {
    const [pool, partition] = parted(key)
    const inFlight = slots.ofPartition(pool, Number(partition))
    return {
      pool,
      partition: Number(partition),
      worker_id: workerId,
      capacity,
      seen_at_ms: seenAtMs,
      in_flight: inFlight,
    }
  })
  const waiting: { [pool: string]: number } = {}
  for (const [key] of turn.rows(LANES)) {
    const [pool, tenant] = parted(key)
    waiting[pool] = (waiting[pool] ?? 0) + lanes.count(pool, tenant)
  }
  const devices = [...turn.rows(DEVICES)].map(([key, { backend, adapter, arrayMaxBytes, why, warm }]) => {
    const [pool, worker] = parted(key)
    return { pool, worker_id: worker, backend, adapter, array_max_bytes: arrayMaxBytes, why, warm_kernels: warm }
  })
  return { at_ms: turn.now, partitions, waiting, devices }
}

/** Keys begin with a pool and a slash. */
function parted(key: string): readonly [pool: Pool, rest: string] {
  const slash = key.indexOf('/')
  return [key.slice(0, slash) as Pool, key.slice(slash + 1)]
}
