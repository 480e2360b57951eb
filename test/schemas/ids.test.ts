import { describe, expect, test } from 'vitest'
import {
  homeOf,
  isRunId,
  isStepId,
  isTenantId,
  newRunId,
  placementFor,
  placementOf,
  type TenantId,
} from '../../schemas/ids.ts'
import { fc } from '../support/fast-check.ts'

const u32 = fc.integer({ min: 0, max: 0xffffffff })

describe('run ids', () => {
  test('are UUIDs of version 8 that carry their placement', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffff }),
        fc.array(u32, { minLength: 4, maxLength: 4 }),
        (placement, bits) => {
          const left = [...bits]
          const id = newRunId(placement, () => left.pop()!)
          expect(isRunId(id)).toBe(true)
          expect(placementOf(id)).toBe(placement)
          expect(homeOf(id, 7)).toBe(placement % 7)
        },
      ),
    )
  })

  test('differ in every random bit', () => {
    const ids = Array.from({ length: 32 }, (_, bit) => newRunId(1, () => (1 << bit) >>> 0))
    expect(new Set(ids).size).toBe(32)
  })

  test.each([
    '',
    'none',
    '3F2A0000-0000-8000-8000-000000000000',
    '3f2a0000-0000-4000-8000-000000000000',
    '3f2a0000-0000-8000-c000-000000000000',
    '3f2a0000-0000-8000-8000-0000000000000',
  ])('%j is none', (text) => {
    expect(isRunId(text)).toBe(false)
  })
})

describe('placement', () => {
  const tenant = 'acme' as TenantId

  test('without a spread is the same for the same key, and differs between tenants', () => {
    expect(placementFor(tenant, 'k', 12)).toBe(placementFor(tenant, 'k', 12))
    expect(placementFor(tenant, 'k', 12)).not.toBe(placementFor('other' as TenantId, 'k', 12))
  })

  test('with a spread lies on that many neighbouring partitions', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 64 }), (partitions, spread) => {
        const keys = Array.from({ length: 200 }, (_, i) => `key-${i}`)
        const used = new Set(keys.map((key) => placementFor(tenant, key, partitions, { partitions: spread })))
        const first = placementFor(tenant, 'x', partitions, { partitions: 1 })
        const allowed = Array.from({ length: Math.min(spread, partitions) }, (_, i) => (first + i) % partitions)
        for (const placement of used) expect(allowed).toContain(placement)
      }),
    )
  })
})

test.each([
  ['price', true],
  ['a-1', true],
  ['a'.repeat(63), true],
  ['a'.repeat(64), false],
  ['1a', false],
  ['A', false],
  ['a_b', false],
  ['', false],
])('step id %j: %s', (text, valid) => {
  expect(isStepId(text)).toBe(valid)
})

test.each([
  ['default', true],
  ['Acme.eu:1_x-y', true],
  ['a'.repeat(128), true],
  ['a'.repeat(129), false],
  ['-a', false],
  ['a/b', false],
  ['', false],
])('tenant id %j: %s', (text, valid) => {
  expect(isTenantId(text)).toBe(valid)
})
