import { describe, expect, it } from 'vitest'
import { flowChanges, flowDiffText } from '../../gateway/flow-diff.ts'
import type { Json } from '../../schemas/json.ts'
import { fc } from '../support/fast-check.ts'

const flow = (...ids: string[]): Json => ({ flow: 'f', steps: ids.map((id) => ({ id, type: 'echo' })) })

describe('flowChanges', () => {
  it.each<[string, Json, Json, object[]]>([
    ['nothing', flow('a', 'b'), flow('a', 'b'), []],
    ['the order of fields', { a: 1, b: 2 }, { b: 2, a: 1 }, []],
    [
      'a step more',
      flow('a', 'c'),
      flow('a', 'b', 'c'),
      [{ path: 'steps[b]', kind: 'added', after: { id: 'b', type: 'echo' } }],
    ],
    [
      'a step less',
      flow('a', 'b'),
      flow('b'),
      [{ path: 'steps[a]', kind: 'removed', before: { id: 'a', type: 'echo' } }],
    ],
    [
      'steps that changed places',
      flow('a', 'b'),
      flow('b', 'a'),
      [
        { path: 'steps[a]', kind: 'moved', before: 0, after: 1 },
        { path: 'steps[b]', kind: 'moved', before: 1, after: 0 },
      ],
    ],
    [
      'a list of another length',
      { x: [1] },
      { x: [1, 2] },
      [{ path: 'x', kind: 'changed', before: [1], after: [1, 2] }],
    ],
    ['an item', { x: [1, { y: 2 }] }, { x: [1, { y: 3 }] }, [{ path: 'x[1].y', kind: 'changed', before: 2, after: 3 }]],
    ['another kind of value', { x: [] }, { x: {} }, [{ path: 'x', kind: 'changed', before: [], after: {} }]],
  ])('tells of %s', (_what, before, after, changes) => {
    expect(flowChanges(before, after)).toEqual(changes)
  })

  it('tells of nothing exactly where both are the same', () => {
    const json = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>
    fc.assert(
      fc.property(json, json, (a, b) => {
        expect(flowChanges(a, structuredClone(a))).toEqual([])
        // JSON has one zero
        const same = JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))
        expect(flowChanges(a, b).length === 0).toBe(same)
      }),
    )
  })
})

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map((item) => sorted(item as Json))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([k, v]) => [k, sorted(v as Json)]),
  )
}

describe('flowDiffText', () => {
  it('is bounded where nearly everything differs', () => {
    const many = (word: string): Json => ({ lines: Array.from({ length: 5_000 }, (_, n) => `${word}${n}`) })
    const text = flowDiffText('f', 1, 2, many('a'), many('b'))
    expect(text.startsWith('--- f version 1\n+++ f version 2\n@@ -1,5001 +1,5001 @@\n')).toBe(true)
    expect(text.split('\n').filter((line) => line.startsWith('+  - b'))).toHaveLength(5_000)
  })
})
