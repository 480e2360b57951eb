import { expect, test } from 'vitest'
import { ChurningMap, ChurningSet } from '../../schemas/churning.ts'
import { fc } from '../support/fast-check.ts'

const keys = fc.integer({ min: 0, max: 40 })
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('set'), key: keys, value: fc.nat() }),
    fc.record({ kind: fc.constant('delete'), key: keys }),
    { weight: 1, arbitrary: fc.constant({ kind: 'clear' } as const) },
  ),
  { maxLength: 400, size: 'max' },
)

test('a map that begins anew now and then is like one that does not', () => {
  fc.assert(
    fc.property(steps, (history) => {
      const plain = new Map<number, number>()
      const churning = new ChurningMap<number, number>()
      for (const step of history) {
        if (step.kind === 'clear') {
          plain.clear()
          churning.clear()
        } else if ('value' in step) {
          plain.set(step.key, step.value)
          churning.set(step.key, step.value)
        } else if ('key' in step) expect(churning.delete(step.key)).toBe(plain.delete(step.key))
        expect(churning.size).toBe(plain.size)
        expect([...churning.values()]).toEqual([...plain.values()])
      }
      for (let key = 0; key <= 40; key++) {
        expect(churning.get(key)).toBe(plain.get(key))
        expect(churning.has(key)).toBe(plain.has(key))
      }
    }),
  )
})

test('a set that begins anew now and then is like one that does not', () => {
  fc.assert(
    fc.property(steps, (history) => {
      const plain = new Set<number>()
      const churning = new ChurningSet<number>()
      for (const step of history) {
        if (step.kind === 'clear') {
          plain.clear()
          churning.clear()
        } else if ('value' in step) {
          plain.add(step.key)
          churning.add(step.key)
        } else if ('key' in step) expect(churning.delete(step.key)).toBe(plain.delete(step.key))
        expect([...churning]).toEqual([...plain])
      }
      for (let key = 0; key <= 40; key++) expect(churning.has(key)).toBe(plain.has(key))
    }),
  )
})
