import { expect, it } from 'vitest'
import { EVENT_KINDS, type EventKind, eventJson } from '../../../gateway/live/event-json.ts'
import { RECORDS } from '../../../schemas/records/index.ts'
import { arbitraryOf } from '../../schemas/arbitrary-record.ts'
import { fc } from '../../support/fast-check.ts'

const HIDDEN = new Set(['input', 'output', 'metadata', 'items'])
const CHANGED = new Set([...HIDDEN, 'error', 'query', 'tenant', 'kind'])
const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

it.each(EVENT_KINDS)('%s is shown with all its fields, sizes in place of payloads', (kind: EventKind) => {
  const definition = Object.values(RECORDS).find((each) => each.kind === kind)!
  fc.assert(
    fc.property(arbitraryOf(definition.type), fc.nat(), (value, offset) => {
      const record = value as object
      const message: { readonly [field: string]: unknown } = {
        ...record,
        ...('query' in record ? { query: '{"a":1}' } : {}),
      }
      const shown = JSON.parse(eventJson(message as never, 3, offset))
      expect(shown).toMatchObject({ kind, tenant_id: message.tenant, position: `events/3/${offset}` })
      for (const [field, value] of Object.entries(message)) {
        if (HIDDEN.has(field)) expect(shown).not.toHaveProperty(field)
        if (!CHANGED.has(field)) expect(shown[snakeCase(field)]).toEqual(JSON.parse(JSON.stringify(value)))
      }
      for (const payload of ['input', 'output', 'metadata']) {
        if (!(payload in message)) continue
        const value = message[payload] as string | null
        expect(shown[`${payload}_bytes`]).toBe(value === null ? null : Buffer.byteLength(value))
      }
      if ('items' in message) expect(shown.items_count).toBe((message.items as unknown[]).length)
      if ('query' in message) expect(shown.query).toEqual({ a: 1 })
      if (!('runId' in message)) expect(shown.run_id).toBeNull()
      if (message.error != null) expect(Object.keys(shown.error)).toEqual(['code', 'message', 'class'])
    }),
    { numRuns: 50 },
  )
})
