/** Keeps secrets out of logs: values under telling names, at any depth and in any case. */

export const REDACTED = '[REDACTED]'

const SECRET_NAMES: ReadonlySet<string> = new Set([
  'password',
  'api_key',
  'secret',
  'token',
  'access_token',
  'refresh_token',
  'authorization',
  'credit_card',
  'ssn',
  'email',
  'phone',
  'bearer',
  'x-api-key',
  'x-auth-token',
])

const MAX_DEPTH = 8

/** A copy with secrets replaced and errors as `{type, message, stack}`. What lies deeper than 8 levels is cut off, so cycles do no harm. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return value
  if (depth >= MAX_DEPTH) return '[TRUNCATED]'
  if (value instanceof Error) return redact(errorFields(value), depth)
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1))
  if (value instanceof Date || value instanceof Uint8Array)
    return value instanceof Date ? value : `[${value.length} bytes]`
  const copy: { [name: string]: unknown } = {}
  for (const [name, member] of Object.entries(value)) {
    copy[name] = SECRET_NAMES.has(name.toLowerCase()) ? REDACTED : redact(member, depth + 1)
  }
  return copy
}

function errorFields(error: Error): object {
  const { name, message, stack, cause, ...rest } = error
  const fields = { type: name, message, stack, ...rest }
  return cause === undefined ? fields : { ...fields, cause }
}
