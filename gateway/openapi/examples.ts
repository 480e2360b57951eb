/** One example of each route, as somebody would type it. */
import type { Operation } from '../api/operation.ts'
import { BYTES_TYPE, LINES_TYPE, STREAM_TYPE } from '../api/operation.ts'
import type { Json } from '../api/schema.ts'

/** Values of parameters in paths. */
const NAMES: { readonly [name: string]: string } = {
  run_id: '4b1d9f0e-5c1a-8f00-9b1a-0123456789ab',
  letter_id: '4b1d9f0e-5c1a-8f00-9b1a-0123456789ab',
  operation_id: 'op-4b1d9f0e5c1a8f009b1a0123456789ab',
  message_id: 'message-1',
  id: 'message-1',
  hash: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
  flow: 'hello',
  version: '1',
  topic: 'ingest',
  tenant: 'acme',
  type: 'echo',
}

/** Queries worth showing, by operation. */
const QUERIES: { readonly [operation: string]: string } = {
  submitRun: '?wait=10s',
  listRuns: '?flow=hello&status=failed&limit=20',
  countRuns: '?flow=hello',
  diffFlow: '?from=1&to=2',
  listLetters: '?flow=hello&status=open',
  listOperations: '?action=cancel',
  operationItems: '?outcome=failed',
  readTopic: '?from=first&limit=10',
  publishRecords: '?check=true',
  listTenants: '?limit=100',
  listWorkers: '?pool=io',
  streamEvents: '?flow=hello&types=RunCompleted,RunFailed',
  listMessages: '?page=1',
  exportMessages: '?format=csv',
}

const RUN = { flow: 'hello', input: { name: 'Ada' } }
const FLOW = { flow: 'hello', steps: [{ id: 'greet', type: 'echo', with: 'hello ${input.name}' }] }
const LETTERS = { filter: { flow: 'hello' } }
const MESSAGE = { message_type: 'chat', payload: { text: 'good morning' }, tenant_id: 'acme' }
const BLOCK = { type: 'echo', version: '1' }
const MESSAGE_IDS = { message_ids: ['message-1', 'message-2'] }

/** Bodies, by operation; every operation that takes one has one here. */
const BODIES: { readonly [operation: string]: Json } = {
  submitRun: RUN,
  submitRuns: [RUN, { ...RUN, input: { name: 'Grace' }, idempotency_key: 'grace-1' }],
  cancelRun: { reason: 'ordered twice' },
  retryRun: { patch: { name: 'Grace' }, reason: 'the name was wrong' },
  rerunRun: { patch: { name: 'Grace' }, version: 'latest' },
  publishFlow: FLOW,
  checkFlow: FLOW,
  validateFlow: FLOW,
  deprecateFlow: { reason: 'greets the wrong people' },
  planReplay: LETTERS,
  replayLetters: { ...LETTERS, rate: 10, patch: { name: 'Grace' }, reason: 'the name was wrong' },
  discardLetters: { ...LETTERS, reason: 'nobody waits for it' },
  startOperation: { action: 'cancel', query: { flow: 'hello', status: 'running' }, dry_run: true },
  publishRecords: [RUN, { ...RUN, input: { name: 'Grace' } }],
  putTenant: { max_concurrency: 20, rate_per_second: 100, burst: 200, weight: 2 },
  decideRoute: {
    version: '1',
    tenant_id: 'acme',
    request_id: 'request-1',
    task: { type: 'chat', payload: { text: 'hi' } },
  },
  postMessage: MESSAGE,
  putMessage: { ...MESSAGE, message_id: 'message-1' },
  bulkDeleteMessages: MESSAGE_IDS,
  exportSomeMessages: { ...MESSAGE_IDS, format: 'csv' },
  putBlob: 'hello',
  registerBlock: BLOCK,
  registerBlockUnder: BLOCK,
  updateBlock: BLOCK,
}

export interface ExampleRequest {
  readonly path: string
  readonly headers: { readonly [name: string]: string }
  readonly body: string | null
}

/** The older routes want a tenant to be named. */
const tenantOf = ({ tag }: Operation) => (tag === 'older gateway' ? { 'x-tenant-id': 'acme' } : {})

/** @throws {Error} for an operation with a body and without an example of one */
export function exampleOf(name: string, operation: Operation): ExampleRequest {
  const path = operation.path.replaceAll(/:([a-z_]+)/g, (_, parameter: string) => NAMES[parameter] ?? parameter)
  const whole = `${path}${QUERIES[name] ?? ''}`
  const headers = tenantOf(operation)
  if (operation.body === undefined) return { path: whole, headers, body: null }
  const body = BODIES[name]
  if (body === undefined) throw new Error(`there is no example of a body of '${name}' in gateway/openapi/examples.ts`)
  const { type } = operation.body
  const lines = type === LINES_TYPE ? (body as readonly Json[]) : [body]
  return {
    path: whole,
    headers: { ...headers, 'content-type': type },
    body: type === BYTES_TYPE ? String(body) : lines.map((line) => JSON.stringify(line)).join('\n'),
  }
}

/** The example for a shell. */
export function curlOf(name: string, operation: Operation): string {
  const { path, headers, body } = exampleOf(name, operation)
  const method = operation.method === (body === null ? 'GET' : 'POST') ? '' : ` -X ${operation.method}`
  const address = path.includes('?') ? `'localhost:8080${path}'` : `localhost:8080${path}`
  const follows = Object.values(operation.answers).some(({ type }) => type === STREAM_TYPE) ? 'N' : ''
  const parts = [
    `curl -s${follows}${method} ${address}`,
    ...Object.entries(headers).map(([header, value]) => `-H '${header}: ${value}'`),
    ...(body === null ? [] : [`-d '${body}'`]),
  ]
  return parts.join(' \\\n  ')
}
