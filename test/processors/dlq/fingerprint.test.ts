import { describe, expect, it } from 'vitest'
import { fingerprintOf, normaliseMessage } from '../../../processors/dlq/fingerprint.ts'
import type { StepId } from '../../../schemas/ids.ts'
import { runLetter } from './world.ts'

describe('a normalised message', () => {
  it.each([
    ['GET /orders/4711 gave 503 after 1.5 s', 'GET /orders/<n> gave <n> after <n> s'],
    ['run 0007aaaa-bbbb-8ccc-9ddd-00000000000f is gone', 'run <id> is gone'],
    ['no field "total" in \'order\'', 'no field <text> in <text>'],
    ["can't find 'a' or `b`", "can't find <text> or <text>"],
    ['hash 9f86d081884c7d65 at 0xDEADBEEF', 'hash <hex> at <hex>'],
    ['a defaced facade', 'a defaced facade'],
    ['  two\n lines ', 'two lines'],
    ['connect 10.0.0.1:5432', 'connect <n>'],
  ])('of %j', (message, expected) => {
    expect(normaliseMessage(message)).toBe(expected)
  })

  it('reads no more than the beginning', () => {
    expect(normaliseMessage('x'.repeat(100_000))).toHaveLength(1_000)
  })
})

describe('a fingerprint', () => {
  const letter = runLetter(1)

  it('is the same for failures of one kind', () => {
    expect(fingerprintOf(runLetter(1))).toBe(fingerprintOf(runLetter(2)))
    expect(fingerprintOf(letter)).toMatch(/^[0-9a-f]{16}$/)
  })

  it.each([
    ['category', runLetter(1, { category: 'critical' })],
    ['code', runLetter(1, { error: { ...letter.error, code: 'TIMEOUT' } })],
    ['message', runLetter(1, { error: { ...letter.error, message: 'other' } })],
    ['flow', runLetter(1, {}, { flow: 'returns' })],
    ['step', runLetter(1, {}, { failedStep: 'ship' as StepId })],
  ])('differs by %s', (_what, other) => {
    expect(fingerprintOf(other)).not.toBe(fingerprintOf(letter))
  })
})
