import type { StopOperation } from '../../schemas/records/operations.ts'
import type { DlqSettings } from '../dlq/settings.ts'
import type { Turn } from '../turn.ts'
import { tellProgress } from './report.ts'
import { itemsKey, OPERATION_ITEMS, OPERATIONS, type OperationRow } from './stores.ts'

/** Begins nothing more; what was done stays done. Answers `stopping`, or `operation_unknown`. */
export function onStopOperation(settings: DlqSettings, turn: Turn, record: StopOperation): void {
  const { operationId, tenant, replyTo } = record
  const row = turn.get(OPERATIONS, operationId)
  if (row === undefined || row.tenant !== tenant) {
    const message = `operation '${operationId}' is not known, or has been forgotten`
    if (replyTo !== null) turn.reply(replyTo, { ok: false, code: 'operation_unknown', body: { message } })
    return
  }
  if (turn.partition === 0) {
    // also if there is nothing more to do here: others may be at it
    for (let partition = 1; partition < turn.partitions; partition++) {
      turn.emit('dlq', partition, { ...record, replyTo: null }, operationId)
    }
  }
  if (row.state === 'running') stop(settings, turn, operationId, row)
  if (replyTo !== null) turn.reply(replyTo, { ok: true, code: 'stopping', body: {} })
}

function stop(settings: DlqSettings, turn: Turn, operationId: string, row: OperationRow): void {
  const stopped: OperationRow = { ...row, state: 'stopped', dueAtMs: turn.now + settings.retentionMs }
  for (let chunk = row.chunk; chunk < row.chunks; chunk++) turn.delete(OPERATION_ITEMS, itemsKey(row.listId, chunk))
  turn.put(OPERATIONS, operationId, stopped)
  tellProgress(turn, operationId, stopped, [])
}
