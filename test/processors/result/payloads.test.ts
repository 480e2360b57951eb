import { afterEach, expect, it, vi } from 'vitest'
import { parsePayload } from '../../../processors/result/payloads.ts'
import { toJsonText } from '../../../schemas/json.ts'
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

it('keeps a few large values only', () => {
  const rows = Array.from({ length: 6 }, (_, n) => ({ text: toJsonText([n, 'x'.repeat(5000)]) }))
  const first = parsePayload(rows[0]!)
  expect(parsePayload(rows[0]!)).toBe(first)
  for (const row of rows) parsePayload(row)
  expect(parsePayload(rows[5]!)).toBe(parsePayload(rows[5]!))
  expect(parsePayload(rows[0]!)).not.toBe(first)
  expect(parsePayload(rows[0]!)).toEqual(first)
})
