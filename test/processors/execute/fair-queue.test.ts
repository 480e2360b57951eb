import { describe, expect, test } from 'vitest'
import { FairQueue } from '../../../processors/execute/fair-queue.ts'
import { fc } from '../../support/fast-check.ts'

interface Item {
  readonly tenant: string
  readonly n: number
}

function queueOf(tenants: { readonly [tenant: string]: readonly [weight: number, count: number] }): FairQueue<Item> {
  const queue = new FairQueue<Item>()
  for (const [tenant, [weight, count]] of Object.entries(tenants)) {
    for (let n = 0; n < count; n++) queue.push(tenant, weight, { tenant, n })
  }
  return queue
}

function take(queue: FairQueue<Item>, count: number): string {
  return Array.from({ length: count }, () => queue.take()?.tenant ?? '-').join('')
}

describe('FairQueue', () => {
  test.each([
    ['one tenant', { a: [1, 3] }, 4, 'aaa-'],
    ['equal weights take turns, however many wait', { a: [10, 100], b: [10, 3] }, 8, 'abababaa'],
    ['a tenant of twice the weight gets twice as much, spread out', { a: [2, 9], b: [1, 9] }, 9, 'aabaabaab'],
    ['weights of 1 and 3', { a: [1, 9], b: [3, 9] }, 8, 'bbabbbab'],
  ] as const)('%s', (_name, tenants, count, expected) => {
    expect(take(queueOf(tenants), count)).toBe(expected)
  })

  test('shares follow weights among tenants that always wait', () => {
    const weights = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(weights, (list) => {
        const rounds = 2_000
        const queue = queueOf(Object.fromEntries(list.map((weight, i) => [`t${i}`, [weight, rounds] as const])))
        const taken = new Map<string, number>()
        for (let i = 0; i < rounds; i++) {
          const { tenant } = queue.take()!
          taken.set(tenant, (taken.get(tenant) ?? 0) + 1)
        }
        const sum = list.reduce((a, b) => a + b, 0)
        for (const [i, weight] of list.entries()) {
          expect(Math.abs((taken.get(`t${i}`) ?? 0) - (rounds * weight) / sum)).toBeLessThanOrEqual(list.length + 1)
        }
      }),
      { numRuns: 30 },
    )
  })

  test('gives back everything once, in order within a tenant, whatever is removed', () => {
    const commands = fc.array(
      fc.oneof(
        fc.record({
          kind: fc.constant('push' as const),
          tenant: fc.constantFrom('a', 'b', 'c'),
          weight: fc.constantFrom(1, 7, 1000),
        }),
        fc.record({ kind: fc.constant('take' as const) }),
        fc.record({ kind: fc.constant('remove' as const), pick: fc.nat() }),
      ),
      { maxLength: 300 },
    )
    fc.assert(
      fc.property(commands, (list) => {
        const queue = new FairQueue<Item>()
        let waiting: Item[] = []
        for (const [n, command] of list.entries()) {
          if (command.kind === 'push') {
            const item = { tenant: command.tenant, n }
            queue.push(command.tenant, command.weight, item)
            waiting.push(item)
          } else if (command.kind === 'take') {
            const item = queue.take()
            expect(item === undefined).toBe(waiting.length === 0)
            expect(item).toBe(waiting.find((other) => other.tenant === item?.tenant))
            waiting = waiting.filter((other) => other !== item)
          } else if (waiting.length > 0) {
            const item = waiting[command.pick % waiting.length]!
            expect(queue.remove(item.tenant, item)).toBe(true)
            expect(queue.remove(item.tenant, item)).toBe(false)
            waiting = waiting.filter((other) => other !== item)
          }
          expect(queue.size).toBe(waiting.length)
        }
      }),
    )
  })
})
