/**
 * The deadline for a silent worker. An attempt that was not heard of for its timeout and the grace is given up, unless
 * - the task itself was not awake when it fell due, so that nobody could have been heard,
 * - no worker of the pool is known, so that the record waits in its topic, or
 * - the partition ended other attempts in that time: this one is probably still in line.
 */
import { failure } from '../result/failures.ts'
import { type DueHandler, dueHandler, type Turn } from '../turn.ts'
import { endAttempt } from './assign.ts'
import { parseQueueKey, type QueueRow, workerKey } from './rows.ts'
import type { RouteSettings } from './settings.ts'
import { QUEUE, WORKERS } from './stores.ts'
import { WORKER_TABLE } from './worker-table.ts'

/** A timer later than this means that the task was not running. */
const ASLEEP_MS = 5_000

export function silenceDue(settings: RouteSettings): DueHandler {
  return dueHandler(QUEUE, (turn, key, row) => {
    const dueAtMs = lookAgainAt(settings, turn, row)
    if (dueAtMs > turn.now) return turn.put(QUEUE, key, { ...row, dueAtMs })
    turn.put(QUEUE, key, { ...row, dueAtMs: null })
    const { runId, stepId } = parseQueueKey(key)
    const silentMs = turn.now - row.assignedAtMs
    const message = `nothing was heard of the attempt for ${silentMs} ms after it was given to partition ${row.partition} of pool '${row.pool}'`
    const error = failure('WORKER_LOST', 'transient', message)
    endAttempt(turn, runId, stepId, row.attempt, 'lost', error, row.assignedAtMs)
  })
}

function lookAgainAt(settings: RouteSettings, turn: Turn, row: QueueRow): number {
  const patienceMs = row.timeoutMs + settings.graceMs
  if (turn.now - (row.dueAtMs ?? turn.now) > ASLEEP_MS) return turn.now + patienceMs
  const lastMs = row.assignedAtMs + row.timeoutMs + Math.max(settings.longestMs, settings.graceMs)
  const waits = turn.index(WORKER_TABLE).partitions(row.pool).length === 0
  const seenAtMs = turn.get(WORKERS, workerKey(row.pool, row.partition ?? 0))?.seenAtMs ?? 0
  return Math.min(lastMs, (waits ? turn.now : Math.max(seenAtMs, row.assignedAtMs)) + patienceMs)
}
