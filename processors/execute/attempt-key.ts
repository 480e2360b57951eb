import type { RunId, StepId, TenantId } from '../../schemas/ids.ts'

/** Names an attempt within the deployment: `run/step/attempt`. */
export function attemptKey(of: { readonly runId: RunId; readonly stepId: StepId; readonly attempt: number }): string {
  return `${of.runId}/${of.stepId}/${of.attempt}`
}

/** The attempt's stable key towards the outside: `tenant/run/step/attempt`. */
export function outsideKey(tenant: TenantId, key: string): string {
  return `${tenant}/${key}`
}
