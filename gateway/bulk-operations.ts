/**
 * Bulk operations are begun here and done by the tasks. What a query finds is fixed before it is answered: ids of runs go to the tasks as a list, and one command
 * begins the operation everywhere or nowhere. So whoever has an answer need not come back, and a gateway that dies before leaves nothing that is done.
 */
import { createHash } from 'node:crypto'
import { canonicalJson } from '../schemas/codec/canonical-hash.ts'
import type { TenantId } from '../schemas/ids.ts'
import { type Json, parseJson, toJsonText } from '../schemas/json.ts'
import type { LetterFilter } from '../schemas/records/dlq.ts'
import type { OperationAction, StartOperation } from '../schemas/records/operations.ts'
import type { Reply } from '../schemas/records/replies.ts'
import type { Environment } from '../topology/environment.ts'
import type { Log, OutRecord } from '../topology/log/port.ts'
import type { RunFilter } from '../topology/read-model/lists.ts'
import type { ReadModel } from '../topology/read-model/port.ts'
import type { DeadLetterCommands } from './dead-letter-commands.ts'
import { RequestError } from './errors.ts'
import { findRuns, itemsOf, type RunAction } from './operation-runs.ts'
import { outRecord, positionText } from './out-record.ts'
import type { Replies } from './replies.ts'

/** What to act on. `query` is what was asked, as it was asked. */
export type BulkQuery = { readonly query: Json } & (
  | { readonly kind: 'runs'; readonly action: RunAction; readonly filter: RunFilter }
  | { readonly kind: 'letters'; readonly action: 'replay' | 'discard'; readonly filter: LetterFilter }
)

export interface BulkRequest {
  readonly tenant: TenantId
  readonly asked: BulkQuery
  /** Over all partitions; 0: as fast as possible. */
  readonly ratePerSecond: number
  readonly requestedBy: string | null
  readonly reason: string | null
  readonly idempotencyKey: string | null
}

export interface Begun {
  readonly operationId: string
  readonly matched: number
  /** It had been begun before, under the same key. */
  readonly repeated: boolean
  /** Of the command; `null` if it was repeated. */
  readonly position: string | null
}

export interface BulkOperations {
  /** @throws {RequestError} e.g. when there is too much to do, or something else was asked under the key */
  start(request: BulkRequest): Promise<Begun>
  /** Resolves once it is recorded. @throws {RequestError} `not_found` */
  stop(tenant: TenantId, operationId: string): Promise<void>
}

export interface BulkDependencies {
  readonly log: Log
  readonly replies: Replies
  readonly environment: Environment
  readonly readModel: ReadModel
  readonly deadLetters: DeadLetterCommands
}

/** Of one tenant at once. */
export const MAX_RUNNING = 20
/** Of the latest operations, looked at for running ones. */
const LOOKED_AT = 200
/** Records of a list that are appended at once. */
const APPENDED_AT_ONCE = 16
const BUSY_RETRY_S = 5

export function createBulkOperations(dependencies: BulkDependencies): BulkOperations {
  return {
    start: (request) => start(dependencies, request),
    stop: (tenant, operationId) => stop(dependencies, tenant, operationId),
  }
}

async function start(dependencies: BulkDependencies, request: BulkRequest): Promise<Begun> {
  const { readModel, environment } = dependencies
  const { tenant, idempotencyKey } = request
  const operationId = idempotencyKey === null ? newId(environment) : idOfKey(tenant, idempotencyKey)
  const requestHash = hashOf(request)
  const known = idempotencyKey === null ? null : await readModel.getOperation(tenant, operationId)
  if (known !== null) {
    if (known.requestHash !== requestHash) throw differs(operationId)
    return { operationId, matched: known.matched, repeated: true, position: null }
  }
  await refuseTooMany(readModel, tenant)
  const listId = `${operationId}.${word(environment)}${word(environment)}`
  const { shares, matched } = await sharesOf(dependencies, request, operationId, listId)
  const { action, query } = request.asked
  const { reply, position } = await command(dependencies, (replyTo) => ({
    kind: 'StartOperation',
    operationId,
    tenant,
    action,
    query: toJsonText(query),
    requestHash,
    ratePerSecond: request.ratePerSecond,
    listId,
    shares,
    letters: request.asked.kind === 'letters' ? request.asked.filter : null,
    requestedBy: request.requestedBy,
    reason: request.reason,
    replyTo,
  }))
  if (!reply.ok) throw differs(operationId)
  const repeated = reply.code === 'known'
  return { operationId, matched, repeated, position: repeated ? null : position }
}

type Shares = StartOperation['shares']

/** How much there is for each task; of runs, which. */
async function sharesOf(
  { log, readModel, environment, deadLetters }: BulkDependencies,
  { tenant, asked }: BulkRequest,
  operationId: string,
  listId: string,
): Promise<{ readonly shares: Shares; readonly matched: number }> {
  if (asked.kind === 'letters') {
    const plans = await deadLetters.planEach(asked.filter, 0)
    const shares = plans.map((plan) => ({ chunks: 0, items: plan.matched }))
    return { shares, matched: shares.reduce((sum, { items }) => sum + items, 0) }
  }
  const { ids, complete } = await findRuns(readModel, asked.action, asked.filter, environment.now())
  if (!complete) throw tooManyItems(asked.action, ids.length)
  const shares = Array.from({ length: log.partitions }, () => ({ chunks: 0, items: 0 }))
  let records: OutRecord[] = []
  for await (const { partition, items } of itemsOf(readModel, tenant, asked.action, ids, log.partitions)) {
    const share = shares[partition]!
    const added = { kind: 'AddOperationItems', operationId, listId, seq: share.chunks, items } as const
    shares[partition] = { chunks: share.chunks + 1, items: share.items + items.length }
    records.push(outRecord('dlq', partition, operationId, added))
    if (records.length < APPENDED_AT_ONCE) continue
    await log.append(records)
    records = []
  }
  if (records.length > 0) await log.append(records)
  return { shares, matched: ids.length }
}

async function stop(dependencies: BulkDependencies, tenant: TenantId, operationId: string): Promise<void> {
  const { reply } = await command(dependencies, (replyTo) => ({ kind: 'StopOperation', operationId, tenant, replyTo }))
  if (reply.ok) return
  // the tasks forget it some time after its end; the read model may know longer
  const known = await dependencies.readModel.getOperation(tenant, operationId)
  if (known === null || known.status === 'running') throw unknownOperation(operationId)
}

type Command = (replyTo: NonNullable<StartOperation['replyTo']>) => Parameters<typeof outRecord>[3]

/** Sent to the task of partition 0, which tells the others. */
async function command({ log, replies }: BulkDependencies, made: Command) {
  const expected = replies.expect('the command')
  const [at] = await log.append([outRecord('dlq', 0, null, made(expected.replyTo))]).catch((error: unknown) => {
    expected.forget()
    throw error
  })
  const reply: Reply = await expected.reply
  return { reply, position: positionText(at!) }
}

async function refuseTooMany(readModel: ReadModel, tenant: TenantId): Promise<void> {
  const { operations } = await readModel.operations({ tenant, action: null, limit: LOOKED_AT, cursor: null })
  const running = operations.filter((operation) => operation.status === 'running').length
  if (running < MAX_RUNNING) return
  const message = `${running} operations of tenant '${tenant}' are running; expected less than ${MAX_RUNNING}: wait for one to finish, or stop one`
  throw new RequestError('rate_limit_exceeded', message, {
    retryAfterS: BUSY_RETRY_S,
    details: { code: 'TOO_MANY_OPERATIONS' },
  })
}

function tooManyItems(action: OperationAction, found: number): RequestError {
  const message = `the query finds more than ${found} runs, and one operation takes no more to ${action}; narrow it, e.g. by \`accepted_to_ms\``
  return new RequestError('invalid_request', message, {
    details: { code: 'TOO_MANY_ITEMS', path: 'query', most: found },
  })
}

function differs(operationId: string): RequestError {
  const message = `another request came under the same Idempotency-Key: it began operation '${operationId}'`
  return new RequestError('conflict', message, {
    details: { code: 'IDEMPOTENCY_KEY_REUSED', operation_id: operationId },
  })
}

export function unknownOperation(operationId: string): RequestError {
  const shown = operationId.slice(0, 100)
  const message = `operation ${JSON.stringify(shown)} is not known; it shows up moments after it was begun`
  return new RequestError('not_found', message, { details: { operation_id: shown } })
}

function hashOf({ asked, ratePerSecond, reason }: BulkRequest): string {
  const text = canonicalJson([asked.action, parseJson(toJsonText(asked.query)), ratePerSecond, reason])
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

function idOfKey(tenant: TenantId, key: string): string {
  return `op-${createHash('sha256').update(`${tenant}\0${key}`).digest('hex').slice(0, 32)}`
}

function newId(environment: Environment): string {
  return `op-${Array.from({ length: 4 }, () => word(environment)).join('')}`
}

function word(environment: Environment): string {
  return environment.randomU32().toString(16).padStart(8, '0')
}
