import { describe, expect, it } from 'vitest'
import { createKeyedHeap } from '../../../processors/route/keyed-heap.ts'
import { fc } from '../../support/fast-check.ts'

const change = fc.record({ key: fc.integer({ min: 0, max: 30 }), value: fc.integer({ min: 0, max: 9 }) })

describe('keyed heap', () => {
  it('always has the least entry first, whatever was added and removed', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
        const before = (a: [number, number], b: [number, number]) => a[0] < b[0] || (a[0] === b[0] && a[1] < b[1])
        const heap = createKeyedHeap<[number, number]>(before)
        const model = new Map<number, number>()
        for (const { key, value } of changes) {
          expect(heap.remove(String(key))).toBe(model.has(key))
          if (!model.delete(key)) {
            heap.add(String(key), [value, key])
            model.set(key, value)
          }
          const least = [...model].map(([k, v]): [number, number] => [v, k]).sort((a, b) => (before(a, b) ? -1 : 1))[0]
          expect(heap.first()).toEqual(least)
          expect(heap.size).toBe(model.size)
        }
      }),
    )
  })

  it('refuses a key it holds', () => {
    const heap = createKeyedHeap<number>((a, b) => a < b)
    heap.add('a', 1)
    expect(() => heap.add('a', 2)).toThrow("heap already holds 'a'")
  })
})
