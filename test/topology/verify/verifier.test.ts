import { describe, expect, it } from 'vitest'
import type { RunId, StepId } from '../../../schemas/ids.ts'
import { VIOLATION_CODES, type ViolationCode } from '../../../topology/verify/report.ts'
import {
  A,
  accepted,
  B,
  before,
  C,
  completed,
  correctHistory,
  ended,
  execute,
  finished,
  type History,
  indexOf,
  insertAfter,
  policy,
  progressed,
  remove,
  replayed,
  run,
  started,
  step,
  stored,
  submit,
  T0,
  TENANT,
  verify,
} from './history.ts'

const OTHER = '00000000-0000-8000-8000-0000000000ff' as RunId

/** One defect each: how it is made, and what must be said of it, perhaps beside other things. */
const DEFECTS: readonly (readonly [ViolationCode, string, (history: History) => void])[] = [
  ['run_lost', 'no end', (h) => remove(h, 'RunCompleted')],
  [
    'acknowledged_run_missing',
    'a client knows a run',
    (h) => h.client.push({ op: 'submit', run_id: OTHER, accepted: true, at_ms: 1 }),
  ],
  ['run_accepted_twice', 'accepted again', (h) => before(h, indexOf(h, 'StepStarted', A), accepted(A))],
  ['run_accepted_twice', 'accepted after its end', (h) => insertAfter(h, indexOf(h, 'RunCompleted'), accepted(A))],
  ['run_ended_twice', 'two ends', (h) => insertAfter(h, indexOf(h, 'RunCompleted'), ended(A))],
  ['run_ended_twice', 'completed after cancel', (h) => insertAfter(h, indexOf(h, 'RunCancelled'), ended(C))],
  ['event_after_end', 'a step after the end', (h) => insertAfter(h, indexOf(h, 'RunCompleted'), started(A, 2))],
  ['event_without_run', 'never accepted', (h) => remove(h, 'RunAccepted', A)],
  ['event_without_run', 'an end of nothing', (h) => insertAfter(h, indexOf(h, 'RunCompleted'), ended(OTHER))],
  ['run_away_from_home', 'at another partition', (h) => moveEvents(h, A, 1)],
  [
    'illegal_step_transition',
    'completed before it started',
    (h) => before(h, indexOf(h, 'StepStarted', A), completed(A, 1)),
  ],
  ['illegal_step_transition', 'started while it runs', (h) => before(h, indexOf(h, 'StepCompleted'), started(A, 1))],
  ['illegal_step_transition', 'a join fired again', (h) => before(h, indexOf(h, 'RunCompleted'), started(A, 2))],
  ['illegal_step_transition', 'skipped after it started', (h) => before(h, indexOf(h, 'StepCompleted'), skipped(A))],
  ['attempt_out_of_order', 'attempt 2 first', (h) => replace(h, 'StepStarted', started(A, 2), A)],
  ['attempt_out_of_order', 'attempt 1 once more', (h) => replaceLast(h, 'StepStarted', started(B, 1), B)],
  ['attempt_applied_twice', 'completed twice', (h) => before(h, indexOf(h, 'StepCompleted'), completed(A, 1))],
  ['attempt_assigned_twice', 'handed out twice', (h) => before(h, indexOf(h, 'ExecuteStep', A), execute(A, 1))],
  ['attempt_without_assignment', 'no ExecuteStep', (h) => remove(h, 'ExecuteStep', A)],
  ['step_open_after_end', 'not cancelled', (h) => remove(h, 'StepCancelled')],
  ['result_not_applied', 'no end of the attempt', (h) => [remove(h, 'StepCompleted'), remove(h, 'RunCompleted')]],
  ['completed_without_result', 'no result', (h) => remove(h, 'AttemptFinished', A)],
  ['completed_without_result', 'only a failure', (h) => replace(h, 'AttemptFinished', finished(A, 1, 'error'), A)],
  [
    'idempotency_key_gave_two_runs',
    'one key',
    (h) => replace(h, 'RunAccepted', accepted(A, { idempotencyKey: 'key-b' }), A),
  ],
  ['idempotency_answers_differ', 'two answers', (h) => h.client.push({ ...h.client[1]!, run_id: A })],
  ['submission_unaccounted', 'nothing came of it', (h) => before(h, indexOf(h, 'SubmitRun', A), submit(OTHER))],
  [
    'submission_unaccounted',
    'without an id',
    (h) => insertAfter(h, indexOf(h, 'SubmitRun', A), { ...submit(null), flow: 'g' } as never),
  ],
  ['record_unaccounted', 'no letter', (h) => [remove(h, 'DeadLetter'), remove(h, 'LetterStored')]],
  ['record_unaccounted', 'a record of another topic', (h) => before(h, indexOf(h, 'AttemptFinished', A), submit(A))],
  ['step_unaccounted', 'progress too far', (h) => remove(h, 'AttemptFinished', A)],
  ['step_unaccounted', 'called off by nobody', (h) => remove(h, 'CancelStep')],
  ['letter_not_stored', 'no LetterStored', (h) => remove(h, 'LetterStored')],
  ['letter_stored_twice', 'two of them', (h) => before(h, indexOf(h, 'LetterStored'), stored('letter-route'))],
  ['letter_replayed_twice', 'told twice', (h) => before(h, indexOf(h, 'LetterReplayed'), replayed(C))],
  [
    'letter_replayed_twice',
    'two runs',
    (h) => replace(h, 'RunAccepted', accepted(A, { replayId: 'replay-1', letterId: 'letter-b' }), A),
  ],
  ['replay_without_run', 'it never began', (h) => replace(h, 'LetterReplayed', replayed(OTHER))],
  [
    'operation_item_twice',
    'one item',
    (h) => operation(h, progressed([A], 1, 'running'), progressed([A], 2, 'finished')),
  ],
  ['operation_miscounted', 'one is missing', (h) => operation(h, progressed([A], 2, 'running'))],
  [
    'operation_miscounted',
    'goes on after its end',
    (h) => operation(h, progressed([A, B], 2, 'finished'), progressed([], 2, 'finished')),
  ],
  ['operation_unfinished', 'one item is left', (h) => operation(h, progressed([A], 1, 'running'))],
  ['slots_unbalanced', 'an attempt is left', (h) => remove(h, 'StepCancelled')],
  ['concurrency_exceeded', 'two at once', twoAtOnce],
  ['unprocessed_record', 'left behind', (h) => behind(h, 'result')],
  ['effect_without_attempt', 'unknown', (h) => h.ledger.push({ key: `${TENANT}/${A}/a/2`, at_ms: 1 })],
  ['effect_without_attempt', 'another tenant', (h) => h.ledger.push({ key: `other/${A}/a/1`, at_ms: 1 })],
  ['effect_key_malformed', 'no key', (h) => h.ledger.push({ key: 'something', at_ms: 1 })],
  ['effect_missing', 'no line', (h) => h.ledger.splice(0, 1)],
  ['position_beyond_end', 'too far', (h) => beyond(h)],
  ['record_unreadable', 'an event', (h) => before(h, indexOf(h, 'RunCompleted'), null)],
]

function operation(history: History, ...said: readonly Parameters<typeof insertAfter>[2][]): void {
  for (const message of said.toReversed()) insertAfter(history, indexOf(history, 'LetterStored'), message)
}

describe('Verifier', () => {
  it('finds nothing wrong with an operation that did each item once', () => {
    const history = correctHistory()
    operation(history, progressed([], 0, 'running'), progressed([A], 1, 'running'), progressed([B], 2, 'finished'))
    expect(verify(history).violations).toEqual([])
  })

  it('finds nothing wrong with a correct history, and counts it', () => {
    const report = verify(correctHistory())
    expect(report.violations).toEqual([])
    expect(report).toMatchObject({
      ok: true,
      complete: true,
      runs: 3,
      accepted: 3,
      ended: { completed: 1, failed: 1, cancelled: 1, timed_out: 0 },
      open: 0,
      lost: 0,
      doubled: 0,
      illegalTransitions: 0,
      attempts: 4,
      letters: { stored: 2, replayed: 1, discarded: 0 },
      unprocessed: 0,
      effects: { lines: 4, keys: 4, repeated: 0, unknown: 0 },
      client: { lines: 3, acknowledged: 2, missing: 0 },
    })
  })

  it.each(DEFECTS)('reports %s: %s', (code, _name, spoil) => {
    const history = correctHistory()
    spoil(history)
    const report = verify(history)
    expect(report.ok).toBe(false)
    expect(Object.keys(report.violationCounts)).toContain(code)
    expect(report.violations.find((violation) => violation.code === code)?.where).not.toBe('')
  })

  it('has a defect here for every kind of violation', () => {
    expect(new Set(DEFECTS.map(([code]) => code))).toEqual(new Set(VIOLATION_CODES))
  })

  it('allows the same attempt to be executed again, and counts it', () => {
    const history = correctHistory()
    history.ledger.push(history.ledger[0]!)
    const report = verify(history)
    expect(report.ok).toBe(true)
    expect(report.effects).toEqual({ lines: 5, keys: 4, repeated: 1, unknown: 0 })
  })

  it('allows a step that was carried forward', () => {
    const history = correctHistory()
    insertAfter(history, indexOf(history, 'ExecuteStep', A), execute(A, 1, 'a', 1))
    expect(verify(history).violations).toEqual([])
  })

  it('allows a key to be used again a day after its run’s end', () => {
    const history = correctHistory()
    const later = { ...run(OTHER), atMs: T0 + 60_000 + 24 * 3_600_000 }
    insertAfter(history, indexOf(history, 'RunCompleted'), accepted(OTHER, { ...later, idempotencyKey: 'key-b' }))
    insertAfter(history, indexOf(history, 'RunAccepted', OTHER), { ...ended(OTHER), ...later } as never)
    expect(Object.keys(verify(history).violationCounts)).toEqual([])
  })

  it('does not ask for ends while work goes on, and says so', () => {
    const history = correctHistory()
    remove(history, 'RunCompleted')
    const report = verify({ ...history, options: {} })
    expect(report).toMatchObject({ ok: true, complete: false, open: 1 })
    expect(report.notes.join()).toContain('1 runs were still going on')
  })

  it('says that what was trimmed is not checked, and claims nothing about it', () => {
    const history = correctHistory()
    const report = verify({
      ...history,
      positions: (info) => ({ ...info, firstOffset: Math.floor(info.nextOffset / 2) }),
    })
    expect(report).toMatchObject({ ok: true, complete: false })
    expect(report.notes.some((note) => note.includes('events 1') && note.includes('trimmed'))).toBe(true)
  })

  it('keeps as many violations as it is asked to and counts all', () => {
    const history = correctHistory()
    for (let index = 0; index < 20; index++) history.ledger.push({ key: `bad-${index}`, at_ms: 1 })
    const report = verify({ ...history, options: { ...history.options, maxViolations: 3 } })
    expect(report.violations).toHaveLength(3)
    expect(report.violationCounts).toEqual({ effect_key_malformed: 20 })
  })
})

function skipped(runId: RunId) {
  return { kind: 'StepSkipped', ...step(runId, 0), reason: 'condition' } as const
}

function replace(history: History, kind: string, message: History['records'][0]['message'], runId?: RunId): void {
  const at = indexOf(history, kind, runId)
  history.records[at] = { ...history.records[at]!, message }
}

function replaceLast(history: History, kind: string, message: History['records'][0]['message'], runId: RunId): void {
  const at = history.records.findLastIndex(
    (r) => r.message?.kind === kind && (r.message as { runId?: RunId }).runId === runId,
  )
  history.records[at] = { ...history.records[at]!, message }
}

function moveEvents(history: History, runId: RunId, partition: number): void {
  history.records = history.records.map((record) =>
    record.topic === 'events' && (record.message as { runId?: RunId } | null)?.runId === runId
      ? { ...record, partition }
      : record,
  )
}

/** The tenant may have two attempts, one per partition. */
function twoAtOnce(history: History): void {
  before(history, indexOf(history, 'StepCompleted'), started(A, 1, 'b'))
  before(history, indexOf(history, 'RunCompleted'), { kind: 'StepCancelled', ...step(A, 1, 'b'), reason: 'x' })
  insertAfter(history, indexOf(history, 'ExecuteStep', A), execute(A, 1, 'b'))
  insertAfter(history, indexOf(history, 'ExecuteStep', A) + 1, {
    kind: 'CancelStep',
    runId: A,
    stepId: 'b' as StepId,
    attempt: 1,
  })
  replace(history, 'TenantChanged', policy(2))
}

function behind(history: History, topic: string): void {
  history.positions = (info) => (info.topic === topic ? { ...info, committedOffset: 0 } : info)
}

function beyond(history: History): void {
  history.positions = (info) => (info.topic === 'route' ? { ...info, committedOffset: info.nextOffset + 1 } : info)
}
