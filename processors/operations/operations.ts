/**
 * Bulk operations, as part of the `dlq` processor. Each task goes through its own items, a few in a turn. How far it has come, what it does and what it
 * says of it are one commit, so a task that is killed goes on where it was and no item is done twice.
 */
import { ITEM_OUTCOMES, type ItemResult } from '../../schemas/records/operations.ts'
import { chunkOf } from '../dlq/pace.ts'
import type { DlqSettings } from '../dlq/settings.ts'
import { type DueHandler, dueHandler, handlers, type Turn } from '../turn.ts'
import { actOn } from './act.ts'
import { tellProgress } from './report.ts'
import { onAddOperationItems, onStartOperation } from './start-operation.ts'
import { onStopOperation } from './stop-operation.ts'
import { itemsKey, LIST_KEPT_MS, OPERATION_ITEMS, OPERATIONS, type OperationRow } from './stores.ts'

export { OPERATION_ITEMS, OPERATIONS } from './stores.ts'

/** How long it waits before it asks again for room for runs. */
const FULL_WAIT_MS = 100

export function operationHandlers(settings: DlqSettings) {
  return handlers({
    AddOperationItems: onAddOperationItems,
    StartOperation: (turn, record) => onStartOperation(settings, turn, record),
    StopOperation: (turn, record) => onStopOperation(settings, turn, record),
  })
}

export function operationsDue(settings: DlqSettings): readonly DueHandler[] {
  return [
    dueHandler(OPERATIONS, (turn, id, row) => goOn(settings, turn, id, row)),
    dueHandler(OPERATION_ITEMS, (turn, key, row) => {
      const needed = turn.get(OPERATIONS, row.operationId)?.state === 'running'
      if (needed) turn.put(OPERATION_ITEMS, key, { ...row, dueAtMs: turn.now + LIST_KEPT_MS })
      else turn.delete(OPERATION_ITEMS, key)
    }),
  ]
}

function goOn(settings: DlqSettings, turn: Turn, id: string, row: OperationRow): void {
  if (row.state !== 'running') {
    turn.delete(OPERATIONS, id)
    return
  }
  const beginsRuns = row.action === 'retry' || row.action === 'rerun' || row.action === 'replay'
  if (beginsRuns && !settings.mayBegin(turn)) {
    turn.put(OPERATIONS, id, { ...row, dueAtMs: turn.now + FULL_WAIT_MS })
    return
  }
  const pace = chunkOf(row.ratePerSecond, row.tick, settings.chunk)
  const { next, results } = workOn(turn, id, row, pace.letters)
  const ended = next.chunk >= next.chunks
  const after: OperationRow = {
    ...next,
    state: ended ? 'finished' : 'running',
    // what is missing was in a part of the list that came too long before its operation
    failed: ended ? next.matched - next.done - next.skipped : next.failed,
    tick: row.tick + 1,
    dueAtMs: turn.now + (ended ? settings.retentionMs : pace.intervalMs),
  }
  turn.put(OPERATIONS, id, after)
  for (const outcome of ITEM_OUTCOMES) {
    const more = after[outcome] - row[outcome]
    if (more > 0) turn.count(`operation/${row.action}/${outcome}`, more)
  }
  if (ended || results.length > 0) tellProgress(turn, id, after, results)
}

/** Goes through no more than one row of items, whose size is bounded. */
function workOn(turn: Turn, id: string, row: OperationRow, most: number) {
  const key = itemsKey(row.listId, row.chunk)
  const { items = [] } = turn.get(OPERATION_ITEMS, key) ?? {}
  const results = items.slice(row.at, row.at + most).map((item) => actOn(turn, id, row, item))
  const at = row.at + results.length
  const through = at >= items.length
  if (through) turn.delete(OPERATION_ITEMS, key)
  const next: OperationRow = {
    ...row,
    chunk: through ? row.chunk + 1 : row.chunk,
    at: through ? 0 : at,
    done: row.done + count(results, 'done'),
    skipped: row.skipped + count(results, 'skipped'),
    failed: row.failed + count(results, 'failed'),
  }
  return { next, results }
}

function count(results: readonly ItemResult[], outcome: ItemResult['outcome']): number {
  return results.filter((result) => result.outcome === outcome).length
}
