/** What an operation does with one item: the same as the command about that one alone. */
import { homeOf, type RunId } from '../../schemas/ids.ts'
import type { ItemResult, OperationAction, OperationItem } from '../../schemas/records/operations.ts'
import { replayRunId } from '../../schemas/replay-run-id.ts'
import { markDiscarded } from '../dlq/letters.ts'
import { actionOf, replayLetter } from '../dlq/replay-action.ts'
import type { RequestRow } from '../dlq/rows.ts'
import { LETTERS } from '../dlq/stores.ts'
import { cancelRun } from '../result/end-run.ts'
import { openRun } from '../result/open-run.ts'
import type { Turn } from '../turn.ts'
import type { OperationRow } from './stores.ts'

type Act = (turn: Turn, operationId: string, row: OperationRow, item: OperationItem) => ItemResult

const ACTS: { readonly [A in OperationAction]: Act } = {
  cancel(turn, _operationId, { tenant, reason, requestedBy }, { id }) {
    const run = openRun(turn, id as RunId)
    if (run === null || run.head.tenant !== tenant) return skipped(id, 'ALREADY_ENDED')
    cancelRun(run, reason, requestedBy)
    return done(id, null)
  },
  // A run leaves one letter at most, which has its id; the replay's id is that of the single command, so both together begin one run.
  retry: (turn, _operationId, row, { id }) => replay(turn, row, id, `retry-${id}`),
  replay: (turn, operationId, row, { id }) => replay(turn, row, id, operationId),
  discard(turn, _operationId, { tenant, reason, requestedBy }, { id }) {
    const letter = turn.get(LETTERS, id)
    if (letter === undefined || letter.tenant !== tenant) return skipped(id, 'LETTER_NOT_KEPT')
    if (letter.state !== 'open') return skipped(id, 'LETTER_NOT_OPEN')
    markDiscarded(turn, id, letter, reason ?? '', requestedBy)
    return done(id, null)
  },
  rerun: submitAgain,
}

export function actOn(turn: Turn, operationId: string, row: OperationRow, item: OperationItem): ItemResult {
  return ACTS[row.action](turn, operationId, row, item)
}

function replay(turn: Turn, row: OperationRow, letterId: string, replayId: string): ItemResult {
  const letter = turn.get(LETTERS, letterId)
  if (letter === undefined || letter.tenant !== row.tenant) return skipped(letterId, 'LETTER_NOT_KEPT')
  if (letter.state !== 'open') return skipped(letterId, 'LETTER_NOT_OPEN')
  const request = requestFor(row, letterId)
  const action = actionOf(turn, letterId, letter, request)
  if (action.kind === 'refused') return { id: letterId, outcome: 'failed', code: action.code, newRunId: null }
  replayLetter(turn, letterId, letter, replayId, request)
  return done(letterId, turn.get(LETTERS, letterId)?.newRunId ?? null)
}

function requestFor({ tenant, requestedBy, reason }: OperationRow, letterId: string): RequestRow {
  const filter = { tenant, fingerprint: null, flow: null, code: null, letterIds: [letterId] }
  return { action: 'replay', filter, ratePerSecond: 0, patch: null, requestedBy, reason }
}

/** The same run and operation give the same new run, with the home of the old one. */
function submitAgain(turn: Turn, operationId: string, { tenant }: OperationRow, item: OperationItem): ItemResult {
  if (item.submission === null) return { id: item.id, outcome: 'failed', code: 'INPUT_NOT_KEPT', newRunId: null }
  const of = item.id as RunId
  const runId = replayRunId(of, '', operationId)
  turn.emit(
    'ingest',
    homeOf(runId, turn.partitions),
    {
      kind: 'SubmitRun',
      runId,
      tenant,
      ...item.submission,
      idempotencyKey: null,
      traceparent: null,
      replyTo: null,
      submittedAtMs: turn.now,
      replay: { of, replayId: operationId, letterId: '', completed: [] },
    },
    runId,
  )
  return done(item.id, runId)
}

function done(id: string, newRunId: RunId | null): ItemResult {
  return { id, outcome: 'done', code: null, newRunId }
}

function skipped(id: string, code: string): ItemResult {
  return { id, outcome: 'skipped', code, newRunId: null }
}
