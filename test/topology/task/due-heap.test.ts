import { describe, expect, it } from 'vitest'
import { type DueEntry, DueHeap } from '../../../topology/task/due-heap.ts'
import { fc } from '../../support/fast-check.ts'

describe('DueHeap', () => {
  it('gives entries by due time, then store, then key, whatever was added and removed', () => {
    const command = fc.oneof(
      fc.record({ add: fc.nat(20), store: fc.nat(3), key: fc.string({ maxLength: 2 }) }),
      fc.record({ remove: fc.nat(1000) }),
    )
    fc.assert(
      fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
        const heap = new DueHeap()
        const model: DueEntry[] = []
        for (const c of commands) {
          if ('add' in c) model.push(heap.add(c.add, c.store, c.key))
          else if (model.length > 0) heap.remove(model.splice(c.remove % model.length, 1)[0]!)
          expect(heap.size).toBe(model.length)
        }
        const order = (a: DueEntry, b: DueEntry): number =>
          a.dueAt - b.dueAt || a.storeId - b.storeId || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)
        const plain = ({ dueAt, storeId, key }: DueEntry) => ({ dueAt, storeId, key })
        const drained: object[] = []
        for (let first = heap.first(); first !== undefined; first = heap.first()) {
          drained.push(plain(first))
          heap.remove(first)
        }
        expect(drained).toEqual(model.sort(order).map(plain))
      }),
    )
  })

  it('ignores a second removal', () => {
    const heap = new DueHeap()
    const a = heap.add(1, 0, 'a')
    heap.add(2, 0, 'b')
    heap.remove(a)
    heap.remove(a)
    expect(heap.size).toBe(1)
    expect(heap.first()?.key).toBe('b')
  })
})
