import { describe, expect, it } from 'vitest'
import { ControlBehind, dueHandler, type Processor } from '../../../processors/turn.ts'
import { decodeRecord, encodeRecord } from '../../../schemas/codec/wire.ts'
import type { RunId, StepId, TenantId } from '../../../schemas/ids.ts'
import type { BeamlineRecord } from '../../../schemas/records/index.ts'
import type { LogRecord } from '../../../topology/log/port.ts'
import { Decider } from '../../../topology/task/decider.ts'
import { TaskState } from '../../../topology/task/state.ts'
import { TaskTurn } from '../../../topology/task/task-turn.ts'
import { ITEMS, itemProcessor } from './fixtures.ts'

const runId = '00010000-0000-8000-8000-000000000000' as RunId
const released: BeamlineRecord = { kind: 'SlotReleased', runId, stepId: 'a' as StepId, attempt: 1, reason: 'finished' }
const cancel: BeamlineRecord = {
  kind: 'CancelRun',
  runId,
  tenant: 'acme' as TenantId,
  reason: null,
  requestedBy: null,
  force: false,
  replyTo: null,
}

function logRecord(
  message: BeamlineRecord | null,
  value = message === null ? Buffer.alloc(0) : encodeRecord(message),
): LogRecord {
  return {
    topic: 'result',
    partition: 1,
    offset: 7,
    key: null,
    value,
    headers: null,
    handled: false,
    message,
    timestampMs: 0,
  }
}

function setup(parts: Partial<Processor>, others: readonly Processor[] = []) {
  const processors = [itemProcessor(parts), ...others]
  const state = new TaskState(processors, 1, 4)
  const turn = new TaskTurn(state, 1, 4)
  turn.fuseBudget = 100
  turn.now = 50
  const buried: string[] = []
  const decider = new Decider(processors, state, turn, (topic, offset, failure) =>
    buried.push(`${topic}@${offset} ${failure.code}`),
  )
  const letters = () => turn.outbox.filter((r) => r.topic === 'dlq').map((r) => decodeRecord(r.value))
  return { state, turn, decider, buried, letters }
}

const noDlq: Processor = { topic: 'dlq', stores: [], handlers: { DeadLetter: () => undefined }, due: [] }

describe('Decider', () => {
  it('turns bytes that are no record into a dead letter that holds them', () => {
    const { decider, buried, letters } = setup({}, [noDlq])
    expect(decider.decide('result', logRecord(null, Buffer.from('hello')), false)).toBe('decided')
    expect(buried).toEqual(['result@7 RECORD_NOT_AVRO'])
    expect(letters()).toMatchObject([
      {
        category: 'record_unreadable',
        topic: 'result',
        partition: 1,
        offset: 7,
        record: { value: Buffer.from('hello') },
      },
    ])
  })

  it('refuses a record of a kind that the topic is not for', () => {
    const { decider, letters } = setup({ handlers: { CancelRun: () => undefined } }, [noDlq])
    decider.decide('result', logRecord(released), false)
    expect(letters()).toMatchObject([
      {
        category: 'record_refused',
        error: { message: "a record of kind 'SlotReleased' is on topic 'result', which takes CancelRun" },
      },
    ])
  })

  it('takes back all that a decision did before it threw, and keeps what was decided before', () => {
    const { decider, state, turn, letters } = setup(
      {
        handlers: {
          SlotReleased: (t) => t.put(ITEMS, 'kept', { name: 'x', dueAtMs: null }),
          CancelRun: (t) => {
            t.put(ITEMS, 'gone', { name: 'x', dueAtMs: 3 })
            t.emit('events', 1, released)
            t.emit('result', 1, released)
            throw new TypeError('oops')
          },
        },
      },
      [noDlq],
    )
    decider.decide('result', logRecord(released), false)
    decider.decide('result', logRecord(cancel), false)
    expect([...state.store(ITEMS).rows.keys()]).toEqual(['kept'])
    expect(state.due.size).toBe(0)
    expect(turn.outbox.map((r) => r.topic)).toEqual(['dlq'])
    expect(letters()).toMatchObject([
      { category: 'record_poison', tenant: 'acme', error: { code: 'PROCESSOR_THREW', message: 'TypeError: oops' } },
    ])
  })

  it('decides records to itself in order of emission, flagged as handled, and leaves others alone', () => {
    const seen: string[] = []
    const { decider, turn } = setup({
      handlers: {
        CancelRun: (t) => {
          t.emit('result', 1, { ...released, attempt: 1 })
          t.emit('result', 2, { ...released, attempt: 9 })
          t.emit('result', 1, { ...released, attempt: 2 })
        },
        SlotReleased: (t, record) => {
          seen.push(`${record.attempt}`)
          if (record.attempt === 1) t.emit('result', 1, { ...released, attempt: 3 })
        },
      },
    })
    decider.decide('result', logRecord(cancel), false)
    expect(seen).toEqual(['1', '2', '3'])
    expect(turn.outbox.map((r) => [r.partition, r.handled])).toEqual([
      [1, true],
      [2, false],
      [1, true],
      [1, true],
    ])
  })

  it('appends unflagged what exceeds the budget of fused records', () => {
    const { decider, turn } = setup({
      handlers: { SlotReleased: (t) => t.emit('result', 1, released) },
    })
    turn.fuseBudget = 3
    decider.decide('result', logRecord(released), false)
    expect(turn.outbox.map((r) => r.handled)).toEqual([true, true, true, false])
  })

  it('appends unflagged, and does not decide, what was emitted as bytes', () => {
    const { decider, turn, buried } = setup({
      handlers: { SlotReleased: (t) => t.emitRaw('result', 1, runId, encodeRecord(cancel), null) },
    })
    decider.decide('result', logRecord(released), false)
    expect(turn.outbox.map((r) => [r.topic, r.partition, r.handled])).toEqual([['result', 1, false]])
    expect(buried).toEqual([])
  })

  it('does nothing for a record that needs control to be current, and unfuses one that was emitted', () => {
    const { decider, turn, state } = setup({
      handlers: {
        SlotReleased: (t) => {
          t.put(ITEMS, 'k', { name: 'x', dueAtMs: null })
          if (!t.controlIsCurrent) throw new ControlBehind()
        },
        CancelRun: (t) => t.emit('result', 1, released),
      },
    })
    expect(decider.decide('result', logRecord(released), false)).toBe('control_behind')
    expect(turn.outbox).toEqual([])
    expect(state.store(ITEMS).rows.size).toBe(0)
    expect(decider.decide('result', logRecord(cancel), false)).toBe('decided')
    expect(turn.outbox.map((r) => r.handled)).toEqual([false])
    expect(decider.decide('result', logRecord(released), true)).toBe('decided')
    expect(state.store(ITEMS).rows.size).toBe(1)
  })

  it('buries a due row whose handler throws or leaves it, and does not try it again', () => {
    for (const handle of [
      () => undefined,
      () => {
        throw new Error('no')
      },
    ]) {
      const { decider, state, letters } = setup(
        {
          handlers: { SlotReleased: (t) => t.put(ITEMS, 'k', { name: 'x', dueAtMs: 10 }) },
          due: [dueHandler(ITEMS, handle)],
        },
        [noDlq],
      )
      decider.decide('result', logRecord(released), false)
      decider.decideDue(state.due.first()!, 7)
      expect(state.due.first()).toBeUndefined()
      expect(state.store(ITEMS).rows.size).toBe(1)
      expect(letters()).toMatchObject([{ category: 'critical', error: { code: 'TIMER_THREW' } }])
    }
  })

  it('makes no dead letter of a dead letter', () => {
    const dlq: Processor = {
      topic: 'dlq',
      stores: [],
      handlers: {
        DeadLetter: () => {
          throw new Error('full')
        },
      },
      due: [],
    }
    const { decider, buried, turn } = setup({}, [dlq])
    decider.decide('result', logRecord(null, Buffer.from('x')), false)
    expect(buried).toEqual(['result@7 RECORD_NOT_AVRO', 'dlq@7 PROCESSOR_THREW'])
    expect(turn.outbox.length).toBe(1)
  })
})
