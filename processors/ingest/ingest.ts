/** The `ingest` topic: submissions, from anyone, and commands to cancel what was submitted before them. */
import { decodeIngest } from '../../schemas/codec/ingest-json.ts'
import { DEFAULT_TENANT } from '../../schemas/ids.ts'
import { onCancelBehindSubmissions } from '../result/cancel-run.ts'
import { dueHandler, handlers, type Processor } from '../turn.ts'
import { forgetKey, forgetRunId, IDEMPOTENCY, RECENT_RUNS } from './known-runs.ts'
import { NEW_RUN_HEADER } from './refusal.ts'
import { onSubmitRun } from './submit-run.ts'

export const ingest: Processor = {
  topic: 'ingest',
  stores: [IDEMPOTENCY, RECENT_RUNS],
  handlers: handlers({ SubmitRun: onSubmitRun, CancelRun: onCancelBehindSubmissions }),
  due: [dueHandler(IDEMPOTENCY, forgetKey), dueHandler(RECENT_RUNS, forgetRunId)],
  decode({ value, headers }) {
    const record = decodeIngest(value, { headers, defaultTenant: DEFAULT_TENANT, nowMs: 0 })
    const anew = record.kind === 'SubmitRun' && headers?.[NEW_RUN_HEADER] !== undefined
    return anew ? { ...record, runId: null } : record
  },
}
