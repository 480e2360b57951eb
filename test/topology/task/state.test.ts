import { describe, expect, it } from 'vitest'
import { StateError, TaskState } from '../../../topology/task/state.ts'
import { fc } from '../../support/fast-check.ts'
import { ITEMS, type Item, itemProcessor, NAME_COUNTS } from './fixtures.ts'

const newState = (): TaskState => new TaskState([itemProcessor({})], 0, 4)

function dump(state: TaskState) {
  const rows = [...state.store(ITEMS).rows].sort(([a], [b]) => (a < b ? -1 : 1))
  const due = []
  const entries = []
  for (let first = state.due.first(); first !== undefined; first = state.due.first()) {
    due.push({ key: first.key, dueAt: first.dueAt })
    entries.push(first)
    state.due.remove(first)
  }
  for (const { key, dueAt } of due) state.store(ITEMS).set(key, undefined, { name: 'probe', dueAtMs: dueAt })
  const counts = [...state.index(NAME_COUNTS).counts].sort(([a], [b]) => (a < b ? -1 : 1))
  return { rows: rows.map(([key, { name, dueAtMs }]) => ({ key, name, dueAtMs })), due, counts }
}

const write = fc.record({
  key: fc.constantFrom('a', 'b', 'c', 'd'),
  item: fc.option(fc.record<Item>({ name: fc.constantFrom('x', 'y'), dueAtMs: fc.option(fc.nat(5)) }), {
    nil: undefined,
  }),
})
const turns = fc.array(
  fc.record({ writes: fc.array(write, { maxLength: 5 }), keep: fc.boolean(), cut: fc.boolean() }),
  {
    maxLength: 20,
  },
)

describe('TaskState', () => {
  it('after an undo is as if the turn had never been', () => {
    fc.assert(
      fc.property(turns, (history) => {
        const state = newState()
        const model = newState()
        for (const turn of history) {
          for (const { key, item } of turn.writes) {
            state.set(state.store(ITEMS), key, item)
            if (turn.keep) model.set(model.store(ITEMS), key, item)
          }
          if (turn.keep) state.keep()
          else state.undo()
        }
        expect(dump(state)).toEqual(dump(model))
      }),
    )
  })

  it('restored from its changelog equals the live state, indexes and due rows too', () => {
    fc.assert(
      fc.property(turns, (history) => {
        const state = newState()
        const restored = newState()
        for (const turn of history) {
          for (const { key, item } of turn.writes) state.set(state.store(ITEMS), key, item)
          if (turn.keep) state.keep()
          else state.undo()
          if (turn.cut) for (const entry of state.cut()) restored.restore(entry)
        }
        for (const entry of state.cut()) restored.restore(entry)
        expect(dump(restored)).toEqual(dump(state))
      }),
    )
  })

  it('refuses rows of a store or a version it does not know', () => {
    const state = newState()
    expect(() => state.restore({ key: `${String.fromCharCode(77)}k`, value: Buffer.from([1]) })).toThrow(StateError)
    expect(() => state.restore({ key: `${String.fromCharCode(200)}k`, value: Buffer.from([9, 0]) })).toThrow(
      /store 'items' has version 9; this version of Beamline reads 1/,
    )
    expect(() => state.restore({ key: `${String.fromCharCode(200)}k`, value: Buffer.from([1, 0xff]) })).toThrow(
      /store 'items' cannot be read/,
    )
  })

  it('refuses two stores with one id', () => {
    expect(() => new TaskState([itemProcessor({}), itemProcessor({ topic: 'dlq' })], 0, 4)).toThrow(
      /store id 200 is declared twice/,
    )
  })
})
