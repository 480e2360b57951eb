/** The command to cancel a run. It wins over results that arrive later. */
import { encodeRecord } from '../../schemas/codec/wire.ts'
import { homeOf } from '../../schemas/ids.ts'
import type { CancelRun } from '../../schemas/records/result.ts'
import { isRecentRun } from '../ingest/known-runs.ts'
import type { Turn } from '../turn.ts'
import { cancelRun } from './end-run.ts'
import { openRun } from './open-run.ts'

/**
 * On `result`. The submission of a run that is not known here may still lie on `ingest`, where its durability was confirmed: the command then
 * follows it there, behind all that has been appended by now. There {@link onCancelBehindSubmissions} has the last word.
 */
export function onCancelRun(turn: Turn, record: CancelRun): void {
  if (forwarded(turn, record) || decided(turn, record)) return
  // bytes, as an emitted record would be decided within this commit, ahead of the submissions
  turn.emitRaw('ingest', turn.partition, record.runId, encodeRecord(record), null)
}

/**
 * On `ingest`. Answers `cancelled`, `already_ended` (as far as that is still remembered here; the read model knows longer) or `run_unknown`. A run
 * of another tenant is unknown.
 */
export function onCancelBehindSubmissions(turn: Turn, record: CancelRun): void {
  if (forwarded(turn, record) || decided(turn, record)) return
  refused(turn, record, 'run_unknown', `run '${record.runId}' is not known here, or has ended`)
}

function forwarded(turn: Turn, record: CancelRun): boolean {
  const home = homeOf(record.runId, turn.partitions)
  if (home === turn.partition) return false
  turn.count('records_forwarded')
  turn.emit('result', home, record, record.runId)
  return true
}

/** False if the run is not known. */
function decided(turn: Turn, record: CancelRun): boolean {
  const { runId, tenant, reason, requestedBy, replyTo } = record
  const run = openRun(turn, runId)
  if (run !== null && run.head.tenant === tenant) {
    cancelRun(run, reason, requestedBy)
    if (replyTo !== null) {
      turn.reply(replyTo, { ok: true, code: 'cancelled', body: { run_id: runId, status: 'cancelled' } })
    }
    return true
  }
  if (run !== null || !isRecentRun(turn, tenant, runId)) return false
  refused(turn, record, 'already_ended', `run '${runId}' has already ended`)
  return true
}

function refused(turn: Turn, { runId, replyTo }: CancelRun, code: string, message: string): void {
  turn.count('late_commands_dropped')
  if (replyTo !== null) turn.reply(replyTo, { ok: false, code, body: { message, details: { run_id: runId } } })
}
