/** A whole, correct history by hand, for tests to spoil one thing of. */
import { encodeRecord } from '../../../schemas/codec/wire.ts'
import type { RunId, StepId, TenantId } from '../../../schemas/ids.ts'
import type { JsonText } from '../../../schemas/json.ts'
import type { BeamlineRecord, EventRecord } from '../../../schemas/records/index.ts'
import type { Topic } from '../../../schemas/topics.ts'
import type { LogRecord, PartitionInfo } from '../../../topology/log/port.ts'
import type { ClientLine, LedgerLine } from '../../../topology/verify/formats.ts'
import type { VerifyReport } from '../../../topology/verify/report.ts'
import { Verifier, type VerifyOptions } from '../../../topology/verify/verifier.ts'

export const PARTITIONS = 2
export const T0 = 1_750_000_000_000
export const TENANT = 'acme' as TenantId
/** Completes; home 0. */
export const A = '00000000-0000-8000-8000-00000000000a' as RunId
/** Fails at its second attempt; home 1. */
export const B = '00010000-0000-8000-8000-00000000000b' as RunId
/** Replays B and is cancelled while its step runs; home 1. */
export const C = '00010000-0000-8000-8000-00000000000c' as RunId
export const ERROR = { code: 'X', message: 'x', class: 'transient', retryAfterMs: null, detail: null } as const

export interface History {
  records: { topic: Topic; partition: number; message: BeamlineRecord | null; handled: boolean; atMs: number }[]
  ledger: LedgerLine[]
  client: ClientLine[]
  options: Partial<VerifyOptions>
  /** Changes what the log says of its partitions. */
  positions: (info: PartitionInfo) => PartitionInfo
}

const NULL = 'null' as JsonText

export function step(runId: RunId, attempt: number, stepId = 'a') {
  const cause = { causeTopic: 'result', causeOffset: 0 }
  return { runId, tenant: TENANT, atMs: T0 + 60_000, ...cause, stepId: stepId as StepId, attempt }
}

export function run(runId: RunId) {
  return { runId, tenant: TENANT, atMs: T0 + 60_000, causeTopic: 'ingest', causeOffset: 0 }
}

export function started(runId: RunId, attempt: number, stepId = 'a'): BeamlineRecord {
  return { kind: 'StepStarted', ...step(runId, attempt, stepId), pool: 'io', poolPartition: 0 }
}

export function completed(runId: RunId, attempt: number, stepId = 'a'): BeamlineRecord {
  return {
    kind: 'StepCompleted',
    ...step(runId, attempt, stepId),
    output: NULL,
    workerId: 'w',
    startedAtMs: 0,
    finishedAtMs: 0,
  }
}

export function execute(runId: RunId, attempt: number, stepId = 'a', carried = 0): BeamlineRecord {
  const fixed = {
    flow: 'f',
    version: 1,
    block: 'http',
    input: NULL,
    timeoutMs: 1,
    priority: 5,
    weight: 1,
    traceparent: null,
  }
  return { kind: 'ExecuteStep', runId, stepId: stepId as StepId, attempt, tenant: TENANT, carried, ...fixed }
}

export function finished(runId: RunId, attempt: number, status: 'success' | 'error'): BeamlineRecord {
  const error = status === 'success' ? null : ERROR
  const times = { workerId: 'w', startedAtMs: 0, finishedAtMs: 0 }
  return { kind: 'AttemptFinished', runId, stepId: 'a' as StepId, attempt, status, output: null, error, ...times }
}

export function submit(runId: RunId | null, key: string | null = null): BeamlineRecord {
  return {
    kind: 'SubmitRun',
    runId,
    tenant: TENANT,
    flow: 'f',
    version: null,
    input: NULL,
    idempotencyKey: key,
    stickyKey: null,
    priority: null,
    metadata: null,
    traceparent: null,
    replyTo: null,
    submittedAtMs: 1,
    replay: null,
  }
}

export function accepted(
  runId: RunId,
  changes: Partial<Extract<EventRecord, { kind: 'RunAccepted' }>> = {},
): BeamlineRecord {
  return {
    kind: 'RunAccepted',
    ...run(runId),
    flow: 'f',
    version: 1,
    input: NULL,
    priority: 5,
    stickyKey: null,
    idempotencyKey: null,
    metadata: null,
    traceparent: null,
    deadlineAtMs: null,
    replayOf: null,
    replayId: null,
    letterId: null,
    takenOver: [],
    ...changes,
  }
}

export function ended(runId: RunId): BeamlineRecord {
  return { kind: 'RunCompleted', ...run(runId), output: NULL }
}

function letter(letterId: string, topic: string, partition: number, offset: number): BeamlineRecord {
  const none = { run: null, record: null, parentLetterId: null }
  return {
    kind: 'DeadLetter',
    letterId,
    tenant: TENANT,
    category: 'record_unreadable',
    error: ERROR,
    topic,
    partition,
    offset,
    atMs: 1,
    ...none,
  }
}

export function stored(letterId: string): BeamlineRecord {
  const cause = { atMs: 1, causeTopic: 'dlq', causeOffset: 0 }
  const source = { topic: 'route', partition: 0, offset: 0 }
  const none = { runId: null, flow: null, stepId: null, parentLetterId: null }
  return {
    kind: 'LetterStored',
    letterId,
    tenant: TENANT,
    fingerprint: 'x',
    ...cause,
    category: 'record_unreadable',
    error: ERROR,
    ...source,
    ...none,
  }
}

export function replayed(newRunId: RunId | null): BeamlineRecord {
  const cause = { atMs: 1, causeTopic: 'dlq', causeOffset: 0 }
  const who = { requestedBy: null, reason: null }
  return {
    kind: 'LetterReplayed',
    letterId: 'letter-b',
    tenant: TENANT,
    fingerprint: 'x',
    ...cause,
    replayId: 'replay-1',
    newRunId,
    ...who,
  }
}

/** What a task says of a bulk operation. */
export function progressed(ids: readonly string[], done: number, state: 'running' | 'finished'): BeamlineRecord {
  const items = ids.map((id) => ({ id, outcome: 'done', code: null, newRunId: null }) as const)
  return {
    kind: 'OperationProgressed',
    operationId: 'op-1',
    tenant: TENANT,
    state,
    matched: 2,
    done,
    skipped: 0,
    failed: 0,
    items,
    atMs: T0,
    causeTopic: 'timer',
    causeOffset: 0,
  }
}

export function policy(maxConcurrency: number): BeamlineRecord {
  const open = { spread: null, ratePerSecond: null, burst: null, weight: 1 }
  return { kind: 'TenantChanged', tenant: TENANT, revision: 1, maxConcurrency, ...open }
}

function cancelRun(runId: RunId): BeamlineRecord {
  const none = { reason: null, requestedBy: null, replyTo: null }
  return { kind: 'CancelRun', runId, tenant: TENANT, force: false, ...none }
}

export function correctHistory(): History {
  const records: History['records'] = []
  const put = (topic: Topic, partition: number, message: BeamlineRecord | null, handled = false) =>
    records.push({ topic, partition, message, handled, atMs: T0 })
  for (let partition = 0; partition < PARTITIONS; partition++) put('control', partition, policy(2))
  put('ingest', 0, submit(A))
  put('ingest', 1, submit(B, 'key-b'))
  put('events', 0, accepted(A))
  put('execute.io', 0, execute(A, 1))
  put('events', 0, started(A, 1))
  put('result', 0, finished(A, 1, 'success'))
  put('events', 0, completed(A, 1))
  put('events', 0, ended(A))
  put('route', 0, null)
  put('dlq', 0, letter('letter-route', 'route', 0, 0), true)
  put('events', 0, stored('letter-route'))

  put('events', 1, accepted(B, { idempotencyKey: 'key-b' }))
  put('execute.io', 0, execute(B, 1))
  put('events', 1, started(B, 1))
  put('result', 1, finished(B, 1, 'error'))
  put('events', 1, { kind: 'StepRetrying', ...step(B, 1), error: ERROR, retryAtMs: 1 })
  put('events', 1, { kind: 'StepQueued', ...step(B, 2), pool: 'io', reason: 'window' })
  put('execute.io', 0, execute(B, 2))
  put('events', 1, started(B, 2))
  put('result', 1, finished(B, 2, 'error'))
  put('events', 1, { kind: 'StepFailed', ...step(B, 2), status: 'failed', error: ERROR, optional: false })
  put('dlq', 1, letter('letter-b', 'result', 1, 1), true)
  put('events', 1, { kind: 'RunFailed', ...run(B), error: ERROR, failedStep: 'a' as StepId, letterId: 'letter-b' })
  put('events', 1, stored('letter-b'))

  put('events', 1, replayed(C))
  put('ingest', 1, submit(C), true)
  put('ingest', 1, cancelRun(C))
  put('events', 1, accepted(C, { replayOf: B, replayId: 'replay-1', letterId: 'letter-b' }))
  put('execute.io', 0, execute(C, 1))
  put('events', 1, started(C, 1))
  put('execute.io', 0, { kind: 'CancelStep', runId: C, stepId: 'a' as StepId, attempt: 1 })
  put('events', 1, { kind: 'StepCancelled', ...step(C, 1), reason: 'x' })
  put('events', 1, { kind: 'RunCancelled', ...run(C), reason: null, requestedBy: null })
  return {
    records,
    ledger: [A, B, C]
      .map((id) => ({ key: `${TENANT}/${id}/a/1`, at_ms: 1 }))
      .concat({ key: `${TENANT}/${B}/a/2`, at_ms: 2 }),
    client: [
      { op: 'submit', run_id: A, accepted: true, at_ms: 1, tenant: TENANT },
      { op: 'submit', run_id: B, accepted: true, at_ms: 1, tenant: TENANT, idempotency_key: 'key-b' },
      { op: 'cancel', run_id: C, accepted: true, at_ms: 1 },
    ],
    options: { settled: true, effectBlocks: ['http'] },
    positions: (info) => info,
  }
}

export function verify(history: History): VerifyReport {
  const next = new Map<string, number>()
  const records = history.records.map(({ topic, partition, message, handled, atMs }): LogRecord => {
    const offset = next.get(`${topic}/${partition}`) ?? 0
    next.set(`${topic}/${partition}`, offset + 1)
    const value = message === null ? Buffer.from('no record') : encodeRecord(message)
    return { topic, partition, offset, key: null, value, headers: null, handled, message: null, timestampMs: atMs }
  })
  const positions = [...next].map(([key, nextOffset]) => {
    const [topic, partition] = key.split('/') as [Topic, string]
    const committedOffset = topic === 'events' ? null : nextOffset
    return history.positions({ topic, partition: Number(partition), firstOffset: 0, nextOffset, committedOffset })
  })
  const verifier = new Verifier(positions, { partitions: PARTITIONS, ...history.options })
  const trimmed = new Map(positions.map((info) => [`${info.topic}/${info.partition}`, info.firstOffset]))
  for (const record of records.toSorted((a, b) => Number(b.topic === 'control') - Number(a.topic === 'control'))) {
    if (record.offset >= trimmed.get(`${record.topic}/${record.partition}`)!) verifier.add(record)
  }
  for (const line of history.ledger) verifier.effect(line)
  for (const line of history.client) verifier.client(line)
  return verifier.finish()
}

/** Index of the first record of the kind, for the run if one is given. */
export function indexOf(history: History, kind: string, runId?: RunId): number {
  const index = history.records.findIndex(
    ({ message }) =>
      message?.kind === kind && (runId === undefined || (message as { readonly runId?: RunId }).runId === runId),
  )
  if (index < 0) throw new Error(`the history has no ${kind}`)
  return index
}

export function remove(history: History, kind: string, runId?: RunId): void {
  history.records.splice(indexOf(history, kind, runId), 1)
}

/** Puts a record into the same partition as another, before it. */
export function before(history: History, at: number, message: BeamlineRecord | null): void {
  history.records.splice(at, 0, { ...history.records[at]!, message, handled: false })
}

/** Puts a record into the same partition as another, after it. */
export function insertAfter(history: History, at: number, message: BeamlineRecord | null): void {
  history.records.splice(at + 1, 0, { ...history.records[at]!, message, handled: false })
}
