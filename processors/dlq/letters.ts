/** Letters leave the open set in one of three ways: replayed, discarded, or forgotten when their time or the room for them is over. */
import type { RunId } from '../../schemas/ids.ts'
import type { Turn } from '../turn.ts'
import type { LetterRow, RequestRow } from './rows.ts'
import { CONTENTS, LETTERS } from './stores.ts'

export function markReplayed(
  turn: Turn,
  letterId: string,
  row: LetterRow,
  replayId: string,
  newRunId: RunId | null,
  request: RequestRow,
): void {
  turn.put(LETTERS, letterId, { ...row, state: 'replayed', replayId, newRunId })
  turn.delete(CONTENTS, letterId)
  const { requestedBy, reason } = request
  const event = {
    kind: 'LetterReplayed',
    ...about(turn, letterId, row),
    replayId,
    newRunId,
    requestedBy,
    reason,
  } as const
  turn.emit('events', turn.partition, event, letterId)
}

/** The row stays until its retention ends, so that the same letter arriving again is known. */
export function markDiscarded(
  turn: Turn,
  letterId: string,
  row: LetterRow,
  reason: string,
  requestedBy: string | null,
): void {
  turn.put(LETTERS, letterId, { ...row, state: 'discarded' })
  turn.delete(CONTENTS, letterId)
  emitDiscarded(turn, letterId, row, reason, requestedBy)
}

export function forget(turn: Turn, letterId: string, row: LetterRow, reason: string): void {
  turn.delete(LETTERS, letterId)
  if (row.state !== 'open') return
  turn.delete(CONTENTS, letterId)
  emitDiscarded(turn, letterId, row, reason, null)
}

function emitDiscarded(turn: Turn, letterId: string, row: LetterRow, reason: string, requestedBy: string | null): void {
  const event = { kind: 'LetterDiscarded', ...about(turn, letterId, row), reason, requestedBy } as const
  turn.emit('events', turn.partition, event, letterId)
}

/** What every event about a letter says. */
export function about(turn: Turn, letterId: string, row: Pick<LetterRow, 'tenant' | 'fingerprint'>) {
  return {
    letterId,
    tenant: row.tenant,
    fingerprint: row.fingerprint,
    atMs: turn.now,
    causeTopic: turn.cause.topic,
    causeOffset: turn.cause.offset,
  }
}
