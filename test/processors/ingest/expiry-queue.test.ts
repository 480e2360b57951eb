import { expect, it } from 'vitest'
import { ExpiryQueue } from '../../../processors/ingest/expiry-queue.ts'
import { fc } from '../../support/fast-check.ts'

it('holds the rows that expire, oldest first, whatever comes and goes', () => {
  const changes = fc.array(fc.record({ key: fc.nat(20), row: fc.constantFrom(undefined, 0, 1) }), { maxLength: 200 })
  fc.assert(
    fc.property(changes, (list) => {
      const queue = new ExpiryQueue<number>((row) => row === 1)
      const rows = new Map<string, number>()
      for (const { key: number, row } of list) {
        const key = `k${number}`
        const before = rows.get(key)
        if (row === undefined) rows.delete(key)
        else rows.set(key, row)
        queue.change(key, before, row)
        const waiting = [...rows].filter(([, value]) => value === 1).map(([name]) => name)
        expect(queue.size).toBe(waiting.length)
        if (waiting.length === 0) expect(queue.oldest).toBeUndefined()
        else expect(waiting).toContain(queue.oldest)
      }
    }),
  )
})

it('gives keys up in the order they came, over many', () => {
  const queue = new ExpiryQueue<number>(() => true)
  for (let i = 0; i < 5000; i++) queue.change(`k${i}`, undefined, 1)
  for (let i = 0; i < 5000; i++) {
    expect(queue.oldest).toBe(`k${i}`)
    queue.change(`k${i}`, 1, undefined)
  }
  expect(queue.size).toBe(0)
})

it('takes an undone addition back', () => {
  const queue = new ExpiryQueue<number>(() => true)
  queue.change('a', undefined, 1)
  queue.change('b', undefined, 1)
  queue.change('b', 1, undefined)
  expect([queue.size, queue.oldest]).toEqual([1, 'a'])
})
