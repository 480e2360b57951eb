/** What blocks are given when they are called without an engine. */
import type { BlockContext } from '../../processors/execute/block.ts'
import { DEFAULT_TENANT, type RunId, type StepId, type TenantId } from '../../schemas/ids.ts'

/** Of one call of those that `name` makes; each has a key of its own. */
export function contextOf(call: number, name = 'bench'): BlockContext {
  return {
    tenant: DEFAULT_TENANT as TenantId,
    runId: '00010000-0000-8000-8000-000000000000' as RunId,
    stepId: 'one' as StepId,
    attempt: 1,
    key: `${name}/run/one/${call}`,
    signal: new AbortController().signal,
    traceparent: null,
    assignedAtMs: 1_700_000_000_000,
  }
}
