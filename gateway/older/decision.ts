/** A run of a built-in flow that decides, waited for, as the reply of the older router. */
import type { FastifyReply } from 'fastify'
import type { TenantId } from '../../schemas/ids.ts'
import { parseJson } from '../../schemas/json.ts'
import { isFinished, type RunView } from '../../topology/read-model/port.ts'
import { type ErrorCode, RequestError } from '../errors.ts'
import { goneSignal } from '../http/context.ts'
import type { Edge } from '../http/edge.ts'
import type { Submitted } from '../submit-run.ts'
import type { OlderRequest } from './request-body.ts'

export interface Decision {
  readonly provider_id: string
  readonly reason: string
  readonly priority: number
  readonly expected_latency_ms: number
  readonly expected_cost: number
}

/** Which codes of a failed run the older clients know, and what they get. */
const FAILURES: { readonly [code: string]: ErrorCode } = {
  VALIDATOR_BLOCKED: 'validator_blocked',
  POLICY_NOT_FOUND: 'policy_not_found',
  EXTENSION_NOT_FOUND: 'extension_not_found',
  EXTENSION_UNAVAILABLE: 'extension_unavailable',
  EXTENSION_TIMEOUT: 'extension_timeout',
}
const RETRY_AFTER_S = 1

/** There are no policies of tenants yet: only what is decided without one. @throws {RequestError} */
export function checkDecidable({ policyId, fields }: OlderRequest): void {
  if (policyId !== null && policyId !== 'default') {
    const message = `policy ${JSON.stringify(policyId)} is not known; expected no \`policy_id\`, or "default"`
    throw new RequestError('policy_not_found', message, { details: { policy_id: policyId } })
  }
  if (fields.push_assignment !== true) return
  const message = '`push_assignment` is true, but assignments are not sent yet; start a run: POST /api/v1/runs'
  throw new RequestError('not_implemented', message, { details: { path: 'push_assignment' } })
}

/** @throws {RequestError} `unavailable` when it is not decided in time; what the run failed with */
export async function awaitDecision(
  edge: Edge,
  { tenant, runId }: Submitted,
  timeoutMs: number,
  reply: FastifyReply,
): Promise<Decision> {
  const run = await edge.awaitRun(tenant, runId, timeoutMs, goneSignal(reply))
  if (run !== null && isFinished(run.status)) return decisionOf(run)
  throw new RequestError('unavailable', `no decision within ${timeoutMs} ms; it can be asked for by its id`, {
    details: { timeout_ms: timeoutMs },
    retryAfterS: RETRY_AFTER_S,
  })
}

/** Of a run that has ended. @throws {RequestError} */
export function decisionOf(run: RunView): Decision {
  if (run.status === 'completed' && run.output?.kind === 'text')
    return parseJson(run.output.text) as unknown as Decision
  const { code = 'DECISION_FAILED', message = `the decision was ${run.status}` } =
    run.error === null ? {} : (parseJson(run.error) as { readonly code?: string; readonly message?: string })
  throw new RequestError(FAILURES[code] ?? 'decision_failed', message, { details: { code } })
}

/** Older clients read provider and reason at the top, newer ones in `decision`. */
export function routerReply(decision: Decision, tenant: TenantId, requestId: string, traceId: string | null): object {
  const context = { request_id: requestId, trace_id: traceId, tenant_id: tenant }
  return { ok: true, decision, context, ...decision }
}
