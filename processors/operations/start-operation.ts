/** An operation begins in all partitions or in none: the task of partition 0 tells the others in the commit in which it answers. */
import type { AddOperationItems, StartOperation } from '../../schemas/records/operations.ts'
import { openLetters } from '../dlq/letter-filter.ts'
import type { DlqSettings } from '../dlq/settings.ts'
import type { Turn } from '../turn.ts'
import { tellProgress } from './report.ts'
import { itemsKey, LIST_KEPT_MS, OPERATION_ITEMS, OPERATIONS, type OperationRow } from './stores.ts'

/** Letters in one row. */
const LETTERS_AT_ONCE = 500

/** Keeps a part of a list until its operation begins; one that comes after the start belongs to a try that was not the first. */
export function onAddOperationItems(turn: Turn, { operationId, listId, seq, items }: AddOperationItems): void {
  if (turn.get(OPERATIONS, operationId) !== undefined) return
  turn.put(OPERATION_ITEMS, itemsKey(listId, seq), { operationId, items, dueAtMs: turn.now + LIST_KEPT_MS })
}

/** Answers `started`; for an operation that is known `known`, or `differs` if something else was asked under its id. */
export function onStartOperation(settings: DlqSettings, turn: Turn, record: StartOperation): void {
  const { operationId, requestHash, replyTo } = record
  const known = turn.get(OPERATIONS, operationId)
  if (known !== undefined) {
    const same = known.requestHash === requestHash
    if (replyTo !== null) turn.reply(replyTo, { ok: same, code: same ? 'known' : 'differs', body: {} })
    return
  }
  if (turn.partition === 0) tellEverybody(turn, record)
  begin(settings, turn, record)
  if (replyTo !== null) turn.reply(replyTo, { ok: true, code: 'started', body: { started_at_ms: turn.now } })
}

function tellEverybody(turn: Turn, record: StartOperation): void {
  const { operationId, tenant, action, query, requestHash, ratePerSecond, requestedBy, reason } = record
  for (let partition = 1; partition < turn.partitions; partition++) {
    turn.emit('dlq', partition, { ...record, replyTo: null }, operationId)
  }
  turn.emit(
    'events',
    turn.partition,
    {
      kind: 'OperationStarted',
      operationId,
      tenant,
      action,
      query,
      requestHash,
      ratePerSecond,
      partitions: turn.partitions,
      requestedBy,
      reason,
      atMs: turn.now,
      causeTopic: turn.cause.topic,
      causeOffset: turn.cause.offset,
    },
    operationId,
  )
}

function begin(settings: DlqSettings, turn: Turn, record: StartOperation): void {
  const { operationId, tenant, action, requestHash, requestedBy, reason } = record
  const { listId, chunks, matched } = listOf(turn, record)
  const row: OperationRow = {
    tenant,
    action,
    requestHash,
    ratePerSecond: shareOfRate(turn, record),
    requestedBy,
    reason,
    state: matched === 0 ? 'finished' : 'running',
    matched,
    listId,
    chunks,
    chunk: 0,
    at: 0,
    tick: 0,
    done: 0,
    skipped: 0,
    failed: 0,
    dueAtMs: matched === 0 ? turn.now + settings.retentionMs : turn.now,
  }
  turn.put(OPERATIONS, operationId, row)
  tellProgress(turn, operationId, row, [])
}

/** What this task has to do: of runs the list that it was sent, of letters those that are open now. */
function listOf(turn: Turn, { operationId, listId, shares, letters }: StartOperation) {
  if (letters === null) {
    const { chunks = 0, items = 0 } = shares[turn.partition] ?? {}
    return { listId, chunks, matched: items }
  }
  const ids = [...openLetters(turn, letters)].map(({ letterId }) => ({ id: letterId, submission: null }))
  const chunks = Math.ceil(ids.length / LETTERS_AT_ONCE)
  for (let chunk = 0; chunk < chunks; chunk++) {
    const items = ids.slice(chunk * LETTERS_AT_ONCE, (chunk + 1) * LETTERS_AT_ONCE)
    turn.put(OPERATION_ITEMS, itemsKey(operationId, chunk), { operationId, items, dueAtMs: turn.now + LIST_KEPT_MS })
  }
  return { listId: operationId, chunks, matched: ids.length }
}

/** By how many of the items are here; who was thought to have none and has some gets what an even share would be. */
function shareOfRate(turn: Turn, { ratePerSecond, shares }: StartOperation): number {
  const total = shares.reduce((sum, share) => sum + share.items, 0)
  const own = shares[turn.partition]?.items ?? 0
  return own === 0 ? ratePerSecond / turn.partitions : (ratePerSecond * own) / total
}
