import { describe, expect, it } from 'vitest'
import { createDlq } from '../../../processors/dlq/dlq.ts'
import { fingerprintOf } from '../../../processors/dlq/fingerprint.ts'
import { CONTENTS, LETTERS } from '../../../processors/dlq/stores.ts'
import {
  DAY_MS,
  discard,
  dlqTask,
  filter,
  letterIds,
  recordLetter,
  refusedSubmission,
  runIdOf,
  runLetter,
  START_MS,
} from './world.ts'

describe('a dead letter', () => {
  it('is stored and reported', () => {
    const task = dlqTask()
    const letter = runLetter(1)
    expect(task.send('dlq', letter)).toEqual([
      {
        topic: 'events',
        partition: 3,
        record: {
          kind: 'LetterStored',
          letterId: letter.letterId,
          tenant: 'acme',
          fingerprint: fingerprintOf(letter),
          atMs: START_MS,
          causeTopic: 'dlq',
          causeOffset: 2,
          category: 'run_failed',
          error: letter.error,
          runId: runIdOf(1),
          flow: 'orders',
          stepId: 'pay',
          topic: 'result',
          partition: 0,
          offset: 1,
          parentLetterId: null,
        },
      },
    ])
  })

  it('that arrives again changes nothing, whatever became of the first', () => {
    const task = dlqTask([runLetter(1)])
    expect(task.send('dlq', runLetter(1))).toEqual([])
    task.send('dlq', discard())
    task.advance(1)
    expect(task.send('dlq', runLetter(1))).toEqual([])
    expect(task.state.rows(LETTERS).size).toBe(1)
  })

  const origin = { of: runIdOf(8), replayId: 'r1', letterId: 'parent', completed: [] }
  it.each([
    ['the writer names', runLetter(1, { parentLetterId: 'parent' }), 'parent'],
    [
      'the header of a record names',
      recordLetter(1, {
        record: { key: null, value: Buffer.from('x'), headers: { 'beamline-replayed-letter': 'parent' } },
      }),
      'parent',
    ],
    ['a refused submission names', refusedSubmission(1, origin), 'parent'],
    ['nobody names', refusedSubmission(1, null), null],
    ['an unreadable record cannot name', recordLetter(1), null],
  ])('knows the letter before it that %s', (_who, letter, parent) => {
    expect(dlqTask().send('dlq', letter)[0]!.record).toMatchObject({ kind: 'LetterStored', parentLetterId: parent })
  })
})

describe('a letter goes', () => {
  it('when its retention is over', () => {
    const task = dlqTask([runLetter(1)])
    expect(task.advance(14 * DAY_MS - 1)).toEqual([])
    const [event] = task.advance(1)
    expect(event!.record).toMatchObject({
      kind: 'LetterDiscarded',
      letterId: runIdOf(1),
      reason: 'expired: the retention is over',
    })
    expect(task.state.rows(LETTERS).size + task.state.rows(CONTENTS).size).toBe(0)
  })

  it.each([
    ['too many', { maxLetters: 3 }],
    ['too large', { maxBytes: 200 }],
  ])('when those of the partition are %s: the oldest, counted', (_what, options) => {
    const letters = [1, 2, 3, 4, 5].map((n) => runLetter(n))
    const task = dlqTask(letters, options)
    expect(letterIds(task.emits, 'LetterDiscarded')).toEqual([1, 2].map(runIdOf))
    expect([...task.state.rows(LETTERS).keys()]).toEqual([3, 4, 5].map(runIdOf))
    expect(task.state.rows(CONTENTS).size).toBe(3)
    expect(task.counts).toEqual({ dead_letters_evicted: 2 })
  })
})

describe('a discard', () => {
  it('takes the matching letters, with its reason', () => {
    const task = dlqTask([runLetter(1), runLetter(2), recordLetter(3)])
    task.send('dlq', discard({ filter: filter({ flow: 'orders' }) }))
    expect(task.replies).toMatchObject([{ ok: true, code: 'discarded', body: { matched: 2, discarded: 2 } }])
    const events = task.advance(10).map(({ record }) => record)
    expect(events).toMatchObject([
      { kind: 'LetterDiscarded', letterId: runIdOf(1), reason: 'obsolete', requestedBy: 'ann' },
      { kind: 'LetterDiscarded', letterId: runIdOf(2) },
    ])
    expect(task.state.rows(CONTENTS).size).toBe(1)
  })

  it('goes chunk by chunk and leaves later letters', () => {
    const task = dlqTask(
      [1, 2, 3, 4, 5].map((n) => runLetter(n)),
      { chunk: 2 },
    )
    task.send('dlq', discard())
    task.send('dlq', runLetter(6))
    const turns = Array.from(
      { length: 5 },
      (_, ms) => letterIds(task.advance(ms === 0 ? 0 : 1), 'LetterDiscarded').length,
    )
    expect(turns).toEqual([2, 2, 1, 0, 0])
  })
})

it.each([
  [{ chunk: 0 }, "dlq option 'chunk' is 0; expected a whole number of at least 1"],
  [{ retentionMs: 0.5 }, "dlq option 'retentionMs' is 0.5; expected a whole number of at least 1"],
])('refuses options %j', (options, message) => {
  expect(() => createDlq(options)).toThrow(message)
})
