import { expect, it } from 'vitest'
import { createOrderedKeys } from '../../../processors/dlq/ordered-keys.ts'
import { fc } from '../../support/fast-check.ts'

it('keeps the order, whatever is added and removed', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(40), { maxLength: 150, size: 'max' }), fc.nat(40), (orders, after) => {
      const keys = createOrderedKeys()
      const model = new Set<number>()
      for (const order of orders) {
        if (model.delete(order)) {
          keys.remove(order)
        } else {
          keys.add(order, `k${order}`)
          model.add(order)
        }
        const next = [...model].filter((n) => n > after).sort((a, b) => a - b)[0]
        expect(keys.after(after)).toEqual(next === undefined ? undefined : { order: next, key: `k${next}` })
        expect(keys.size).toBe(model.size)
      }
      keys.remove(-5)
      expect(keys.size).toBe(model.size)
    }),
  )
})
