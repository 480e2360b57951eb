import type { SlotReleased } from '../../schemas/records/route.ts'
import { executeTopic } from '../../schemas/topics.ts'
import type { Turn } from '../turn.ts'
import { dispatchFreed } from './dispatch.ts'
import { closeIfEmpty } from './lanes.ts'
import { type QueueRow, queueKey } from './rows.ts'
import type { RouteSettings } from './settings.ts'
import { QUEUE } from './stores.ts'
import { sawWorker } from './workers.ts'

/** Frees the attempt's slot or its place in the queue. One that has neither (it never began, or another attempt has them) changes nothing. */
export function onSlotReleased(settings: RouteSettings, turn: Turn, record: SlotReleased): void {
  const { runId, stepId, attempt, reason } = record
  const key = queueKey(runId, stepId)
  const row = turn.get(QUEUE, key)
  if (row === undefined || row.attempt !== attempt) return
  if (row.partition !== null) {
    if (reason === 'withdrawn') {
      turn.emit(executeTopic(row.pool), row.partition, { kind: 'CancelStep', runId, stepId, attempt }, runId)
    } else if (row.dueAtMs !== null) {
      sawWorker(turn, row.pool, row.partition)
    }
  }
  release(settings, turn, key, row)
}

export function release(settings: RouteSettings, turn: Turn, key: string, row: QueueRow): void {
  turn.delete(QUEUE, key)
  if (row.partition === null) closeIfEmpty(turn, row.pool, row.tenant)
  else dispatchFreed(settings, turn, row.pool, row.tenant)
}
