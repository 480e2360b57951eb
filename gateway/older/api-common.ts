/** What the older gateway's routes have in common. */
import { type ObjectOf, object, optional, type Schema, type Shape, text } from '../api/schema.ts'
import type { ErrorCode } from '../errors.ts'

export const TAG = 'older gateway'

export const olderHeaders = {
  'X-Tenant-ID': optional(text('Tenant. It must be given here or, where that is taken, as `tenant_id`.')),
  Authorization: optional(text('`Bearer` and a token; whether it has to be there is a setting.')),
  'X-Trace-ID': optional(text('Comes back in answers.')),
}
/** What every older route may answer before it looks at anything else. */
export const GUARDED = ['rate_limit_exceeded', 'unauthorized', 'invalid_request', 'payload_too_large'] as const

export const errors = <const C extends readonly ErrorCode[]>(...codes: C) => [...GUARDED, ...codes] as const
export const olderId = (what: string) => text(what, { minLength: 1, maxLength: 128 })
/** Other fields may be there too. */
export const open = <P extends Shape>(shape: P, description?: string): Schema<ObjectOf<P>> => {
  const described = object(shape, description)
  return { ...described, json: { ...described.json, additionalProperties: true } }
}
export const anyObject = () => open({})
export const tenantQuery = { tenant_id: optional(text('Instead of the header.')) }
