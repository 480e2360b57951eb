import { DEFAULT_TENANT, type RunId } from '../../schemas/ids.ts'
import type { JsonText } from '../../schemas/json.ts'
import type { RecordOfKind } from '../../schemas/records/index.ts'

/** The plainest submission there is, of a flow's latest version. */
export function submission(
  flow: string,
  input: JsonText,
  runId: RunId,
  submittedAtMs: number,
): RecordOfKind<'SubmitRun'> {
  return {
    kind: 'SubmitRun',
    runId,
    tenant: DEFAULT_TENANT,
    flow,
    version: null,
    input,
    idempotencyKey: null,
    stickyKey: null,
    priority: null,
    metadata: null,
    traceparent: null,
    replyTo: null,
    submittedAtMs,
    replay: null,
  }
}
