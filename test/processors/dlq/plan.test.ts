import { describe, expect, it } from 'vitest'
import { createDlq } from '../../../processors/dlq/dlq.ts'
import { fingerprintOf } from '../../../processors/dlq/fingerprint.ts'
import { ControlBehind } from '../../../processors/turn.ts'
import type { DlqPlanBody } from '../../../schemas/dlq-plan.ts'
import { decide, TestState } from '../../support/outcome.ts'
import { dlqTask, plan, recordLetter, runIdOf, runLetter } from './world.ts'

function planned(task: ReturnType<typeof dlqTask>, request = plan()): DlqPlanBody {
  task.send('dlq', request)
  return task.replies.at(-1)!.body as DlqPlanBody
}

describe('a plan', () => {
  it('says what a replay would do, and does nothing', () => {
    const task = dlqTask([runLetter(1), runLetter(2, { atMs: 999_995 }), recordLetter(3)])
    const before = task.state.snapshot()
    const body = planned(task)
    expect(task.replies.at(-1)).toMatchObject({ ok: true, code: 'planned' })
    expect(task.state.snapshot()).toEqual(before)
    expect(body.groups).toEqual([
      {
        fingerprint: fingerprintOf(runLetter(1)),
        category: 'run_failed',
        code: 'HTTP_ERROR',
        flow: 'orders',
        step_id: 'pay',
        message: 'GET /orders/1 gave 500',
        count: 2,
        refused: 0,
        first_seen_ms: 999_990,
        last_seen_ms: 999_995,
      },
      expect.objectContaining({ category: 'record_unreadable', flow: null, step_id: null, count: 1 }),
    ])
    expect(body).toMatchObject({ matched: 3, refused: 0, groups_left_out: 0 })
    expect(body.letters.map(({ letter_id, action }) => ({ letter_id, action }))).toEqual([
      {
        letter_id: runIdOf(1),
        action: { kind: 'new_run', flow: 'orders', version: 1, continues_after: ['load'] },
      },
      { letter_id: 'ingest-0-3', action: { kind: 'append_record', topic: 'ingest', partition: 0, size_bytes: 7 } },
      {
        letter_id: runIdOf(2),
        action: { kind: 'new_run', flow: 'orders', version: 1, continues_after: ['load'] },
      },
    ])
  })

  it.each([
    ['a version nobody knows', runLetter(1, {}, { version: 9 }), 'FLOW_VERSION_UNKNOWN', 'has no version 9'],
    ['a topic there is not', recordLetter(1, { topic: 'timer' }), 'TOPIC_UNKNOWN', "topic 'timer'"],
    ['a partition there is not', recordLetter(1, { partition: 4 }), 'TOPIC_UNKNOWN', 'no partition 4'],
    ['no content', recordLetter(1, { record: null }), 'NOTHING_TO_REPLAY', 'neither a run nor a record'],
  ])('says that a letter with %s is refused', (_what, letter, code, message) => {
    const body = planned(dlqTask([letter]))
    expect(body).toMatchObject({ matched: 1, refused: 1 })
    expect(body.groups[0]).toMatchObject({ count: 1, refused: 1 })
    expect(body.letters[0]!.action).toMatchObject({ kind: 'refused', code, message: expect.stringContaining(message) })
  })

  it('shows a sample with one letter of each group first', () => {
    const other = runLetter(9, { error: { ...runLetter(9).error, code: 'TIMEOUT' } })
    const task = dlqTask([1, 2, 3].map((n) => runLetter(n)).concat(other))
    expect(planned(task, plan(2)).letters.map((letter) => letter.letter_id)).toEqual([runIdOf(1), runIdOf(9)])
  })

  it('waits for control before it calls a version unknown', () => {
    const processor = createDlq()
    const state = new TestState()
    decide(processor, state, runLetter(1))
    expect(() => decide(processor, state, plan(), { controlIsCurrent: false })).toThrow(ControlBehind)
  })
})
