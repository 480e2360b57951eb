/** The command to cancel a run. It wins over results that arrive later. */
import { homeOf } from '../../schemas/ids.ts'
import type { CancelRun } from '../../schemas/records/result.ts'
import { isRecentRun } from '../ingest/known-runs.ts'
import type { Turn } from '../turn.ts'
import { cancelRun } from './end-run.ts'
import { openRun } from './open-run.ts'

/**
 * Answers `cancelled`, `already_ended` (as far as that is still remembered here; the read model knows longer) or `run_unknown`. A run of another
 * tenant is unknown.
 */
export function onCancelRun(turn: Turn, record: CancelRun): void {
  const { runId, tenant, replyTo } = record
  const home = homeOf(runId, turn.partitions)
  if (home !== turn.partition) {
    turn.count('records_forwarded')
    turn.emit('result', home, record, runId)
    return
  }
  const run = openRun(turn, runId)
  if (run !== null && run.head.tenant === tenant) {
    cancelRun(run, record.reason, record.requestedBy)
    if (replyTo !== null) {
      turn.reply(replyTo, { ok: true, code: 'cancelled', body: { run_id: runId, status: 'cancelled' } })
    }
    return
  }
  turn.count('late_commands_dropped')
  if (replyTo === null) return
  const ended = run === null && isRecentRun(turn, tenant, runId)
  const message = ended ? `run '${runId}' has already ended` : `run '${runId}' is not known here, or has ended`
  turn.reply(replyTo, {
    ok: false,
    code: ended ? 'already_ended' : 'run_unknown',
    body: { message, details: { run_id: runId } },
  })
}
