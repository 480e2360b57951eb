import { afterEach, expect, it, vi } from 'vitest'
import { parsePayload } from '../../../processors/result/payloads.ts'
import type { RunHead } from '../../../processors/result/run-store.ts'
import { toJsonText } from '../../../schemas/json.ts'
import { TestState, TestTurn } from '../../support/outcome.ts'
import { scenario } from './scenario.ts'

afterEach(() => vi.restoreAllMocks())

it('parses a large input once for all steps that look into it', () => {
  const input = toJsonText({ go: true, items: Array.from({ length: 1000 }, (_, n) => ({ n })) })
  const ids = Array.from({ length: 50 }, (_, n) => `s${n}`)
  const steps = ids.map((id) => ({ id, type: 'echo', with: { go: '${input.go}', id }, when: 'input.go', after: ['a'] }))
  const s = scenario({ flow: 'test', steps: [{ id: 'a', type: 'echo', with: {} }, ...steps] }, { input })
  const parse = vi.spyOn(JSON, 'parse')
  s.finish('a')
  expect(s.running()).toHaveLength(50)
  expect(parse.mock.calls.filter(([text]) => text === input).length).toBeLessThanOrEqual(1)
})

it('keeps the last few values only', () => {
  const run = { turn: new TestTurn(new TestState(), []), head: { tenant: 'acme' } as RunHead }
  const rows = Array.from({ length: 10 }, (_, n) => ({ text: toJsonText([n, 'x']) }))
  const first = parsePayload(run, rows[0]!)
  expect(parsePayload(run, rows[0]!)).toBe(first)
  for (const row of rows) parsePayload(run, row)
  expect(parsePayload(run, rows[9]!)).toBe(parsePayload(run, rows[9]!))
  expect(parsePayload(run, rows[0]!)).not.toBe(first)
  expect(parsePayload(run, rows[0]!)).toEqual(first)
})
