import { describe, expect, it } from 'vitest'
import { RequestError } from '../../../gateway/errors.ts'
import { readOlder } from '../../../gateway/older/request-body.ts'
import { DEFAULT_TENANT } from '../../../schemas/ids.ts'
import { fc } from '../../support/fast-check.ts'

const NAMES = [
  'version',
  'tenant_id',
  'request_id',
  'message_id',
  'message_type',
  'task',
  'message',
  'payload',
  'policy_id',
  'trace_id',
  'run_id',
  'flow_id',
  'step_id',
  'idempotency_key',
  'prompt',
  'temperature',
  '__proto__',
  'constructor',
]
const likely = fc.oneof(
  fc.constantFrom('1', 'default', '', null, 'x'.repeat(200), '\ud800', 7, -1, {}, []),
  fc.jsonValue(),
)
const fields = fc.array(fc.tuple(fc.constantFrom(...NAMES), likely), { maxLength: 8 })

describe('readOlder', () => {
  it('reads any JSON, or refuses it with what is wrong and where', () => {
    fc.assert(
      fc.property(fc.oneof(fields.map(Object.fromEntries), fc.jsonValue()), (body) => {
        try {
          const read = readOlder(new TextEncoder().encode(JSON.stringify(body)), DEFAULT_TENANT)
          expect(read.versioned).toBe(read.fields.version === '1')
          for (const id of [read.requestId, read.messageId]) if (id !== null) expect(id).toMatch(/^\S{1,128}$/)
        } catch (error) {
          if (!(error instanceof RequestError)) throw error
          expect([400, 401]).toContain(error.status)
          expect(error.message).toContain('expected')
          expect(error.message.length).toBeLessThan(600)
          expect(error.details).toHaveProperty('path')
        }
      }),
      { numRuns: 2000 },
    )
  })
})
