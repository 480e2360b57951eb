import { describe, expect, test } from 'vitest'
import { canonicalHash, canonicalJson } from '../../../schemas/codec/canonical-hash.ts'
import { parseSubmission } from '../../../schemas/codec/ingest-json.ts'
import type { TenantId } from '../../../schemas/ids.ts'
import type { Json } from '../../../schemas/json.ts'
import { fc } from '../../support/fast-check.ts'

const hashOf = (text: string): string =>
  canonicalHash(parseSubmission(Buffer.from(text), { headers: null, defaultTenant: 'default' as TenantId, nowMs: 0 }))

describe('canonicalHash', () => {
  const one = hashOf('{"flow":"a","input":{"x":1,"y":[1,2]},"metadata":{"p":1,"q":2}}')

  test('is 32 hex digits', () => {
    expect(one).toMatch(/^[0-9a-f]{32}$/)
  })

  test.each([
    ['white space and order', ' { "metadata": {"q":2, "p":1}, "input": {"y": [1, 2], "x": 1.0}, "flow": "a" }'],
    [
      'keys, run id, tenant and trace',
      '{"flow":"a","input":{"x":1,"y":[1,2]},"metadata":{"p":1,"q":2},"idempotency_key":"k","tenant":"t","run_id":"3f2a0000-0000-8000-8000-000000000001"}',
    ],
  ])('does not depend on %s', (_, text) => {
    expect(hashOf(text)).toBe(one)
  })

  test.each([
    '{"flow":"b","input":{"x":1,"y":[1,2]},"metadata":{"p":1,"q":2}}',
    '{"flow":"a","input":{"x":1,"y":[2,1]},"metadata":{"p":1,"q":2}}',
    '{"flow":"a","input":{"x":1,"y":[1,2]}}',
    '{"flow":"a","input":{"x":1,"y":[1,2]},"metadata":{"p":1,"q":2},"version":1}',
    '{"flow":"a","input":{"x":1,"y":[1,2]},"metadata":{"p":1,"q":2},"priority":1}',
    '{"flow":"a","input":{"x":1,"y":[1,2]},"metadata":{"p":1,"q":2},"sticky_key":"s"}',
  ])('tells %s apart', (text) => {
    expect(hashOf(text)).not.toBe(one)
  })

  test('canonical JSON is JSON of the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value as Json))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })
})
