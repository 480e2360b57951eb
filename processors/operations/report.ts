import type { ItemResult, OperationProgressed } from '../../schemas/records/operations.ts'
import type { Turn } from '../turn.ts'
import type { OperationRow } from './stores.ts'

/** Says in this turn's commit what it does for the operation. */
export function tellProgress(turn: Turn, operationId: string, row: OperationRow, items: readonly ItemResult[]): void {
  const { tenant, state, matched, done, skipped, failed } = row
  const event: OperationProgressed = {
    kind: 'OperationProgressed',
    operationId,
    tenant,
    state,
    matched,
    done,
    skipped,
    failed,
    items,
    atMs: turn.now,
    causeTopic: turn.cause.topic,
    causeOffset: turn.cause.offset,
  }
  turn.emit('events', turn.partition, event, operationId)
}
