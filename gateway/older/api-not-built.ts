/** The older gateway's routes that have nothing behind them yet. */
import { type Method, type Operation, operation } from '../api/operation.ts'
import { optional, type Shape, text } from '../api/schema.ts'
import { GUARDED, olderHeaders, TAG } from './api-common.ts'

const ROUTING = 'it needs the policies of routing, which are not built yet'
const EXTENSIONS = 'it needs extensions, which are not built yet; steps of flows do what extensions did'
const RESULTS = 'there are no results of assignments; GET /api/v1/stream follows runs'
const DRY_RUN = 'POST /api/v1/flows/check checks a flow, `beamline flow test` runs one on virtual time'

/** The description says why, and what to use instead. */
function notBuilt(method: Method, path: string, summary: string, description: string, query: Shape = {}) {
  const names = [...path.matchAll(/:([a-z_]+)/g)].map(([, name]) => name!)
  const params: Shape = Object.fromEntries(names.map((name) => [name, text(`Id: ${name}.`)]))
  const described: Operation = {
    method,
    path,
    tag: TAG,
    summary,
    description,
    headers: olderHeaders,
    params,
    query,
    answers: {},
    errors: [...GUARDED, 'unsupported_media_type', 'not_implemented'],
  }
  return operation(described)
}

const tenant = { tenant_id: optional(text('Instead of the header.')) }
const results = {
  ...tenant,
  assignment_id: optional(text('Of this assignment.')),
  request_id: optional(text('Of this request.')),
  provider_id: optional(text('Of this provider.')),
  heartbeat_ms: optional(text('Milliseconds.')),
  close_after_ms: optional(text('Milliseconds.')),
}
const EXTENSION = '/api/v1/extensions/:extension_id'
const POLICY = '/api/v1/policies/:tenant/:policy'

export const NOT_BUILT = {
  listExtensions: notBuilt('GET', '/api/v1/extensions', 'List extensions', EXTENSIONS, tenant),
  createExtension: notBuilt('POST', '/api/v1/extensions', 'Create an extension', EXTENSIONS),
  getExtension: notBuilt('GET', EXTENSION, 'Show an extension', EXTENSIONS, tenant),
  putExtension: notBuilt('PUT', EXTENSION, 'Replace an extension', EXTENSIONS),
  patchExtension: notBuilt('PATCH', EXTENSION, 'Enable or disable an extension', EXTENSIONS),
  deleteExtension: notBuilt('DELETE', EXTENSION, 'Delete an extension', EXTENSIONS),
  getExtensionHealth: notBuilt('GET', '/api/v1/extensions/health', 'Health of extensions', EXTENSIONS, tenant),
  getCircuitBreakers: notBuilt('GET', '/api/v1/extensions/circuit-breakers', 'Circuit breakers', ROUTING, tenant),
  getCircuitBreakersOlder: notBuilt('GET', '/api/v1/circuit-breakers', 'Circuit breakers', ROUTING, tenant),
  listPolicies: notBuilt('GET', '/api/v1/policies', 'List policies', ROUTING, tenant),
  createPolicy: notBuilt('POST', '/api/v1/policies', 'Create a policy', ROUTING),
  dryRunPolicy: notBuilt('POST', '/api/v1/policies/dry-run', 'Try a policy', ROUTING),
  syncPolicies: notBuilt('POST', '/api/v1/policies/sync', 'Synchronise policies', ROUTING),
  reconcilePolicies: notBuilt('POST', '/api/v1/policies/reconcile', 'Reconcile policies', ROUTING),
  listTenantPolicies: notBuilt('GET', '/api/v1/policies/:tenant', 'List policies of a tenant', ROUTING, tenant),
  getPolicy: notBuilt('GET', POLICY, 'Show a policy', ROUTING, tenant),
  putPolicy: notBuilt('PUT', POLICY, 'Replace a policy', ROUTING),
  deletePolicy: notBuilt('DELETE', POLICY, 'Delete a policy', ROUTING),
  getPolicyComplexity: notBuilt('GET', `${POLICY}/complexity`, 'Complexity of a policy', ROUTING, tenant),
  dryRunFlow: notBuilt('POST', '/api/v1/flows/dry-run', 'Try a flow', DRY_RUN),
  streamResults: notBuilt('GET', '/api/v1/results/stream', 'Follow results', RESULTS, results),
} as const
