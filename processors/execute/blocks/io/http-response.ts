/** From an HTTP response to a step's output or error. Pure. */
import type { Json } from '../../../../schemas/json.ts'
import type { ErrorClass } from '../../../../schemas/records/shared.ts'
import { BlockError } from '../../block.ts'
import { originAndPort } from './address.ts'

const BODY_PREVIEW_CHARS = 2_000
const RETRY_AFTER_MAX_MS = 86_400_000

export type ResponseHeaders = { readonly [name: string]: string | string[] | undefined }

/** 408, 425, 429 and 5xx may pass by themselves; everything else will be the same next time. */
export function classOfStatus(status: number): ErrorClass {
  return status === 408 || status === 425 || status === 429 || status >= 500 ? 'transient' : 'permanent'
}

/** Milliseconds a server asks to wait (RFC 9110, 10.2.3), or `null`. At most a day. */
export function retryAfterMs(value: string | null, nowMs: number): number | null {
  if (value === null) return null
  const text = value.trim()
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - nowMs
  return Number.isNaN(ms) ? null : Math.min(RETRY_AFTER_MAX_MS, Math.max(0, ms))
}

/** Names in lower case; a repeated header's values are joined with a comma. */
export function plainHeaders(headers: ResponseHeaders): { readonly [name: string]: string } {
  const plain: [string, string][] = []
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) plain.push([name.toLowerCase(), Array.isArray(value) ? value.join(', ') : value])
  }
  return Object.fromEntries(plain)
}

/** A body that says it is JSON and is, parsed; any other as text. */
export function responseBody(text: string, contentType: string | undefined): Json {
  if (contentType === undefined || !/^application\/(?:[\w.+-]*\+)?json\b/i.test(contentType)) return text
  try {
    return JSON.parse(text) as Json
  } catch {
    return text
  }
}

/** The error of a status that is no success. `from`: who answered with it. */
export function statusError(
  from: URL,
  status: number,
  headers: ResponseHeaders,
  text: string,
  expected: string,
  nowMs: number,
): BlockError {
  const waits = status === 429 || status === 503
  const retryAfter = [headers['retry-after'] ?? null].flat()[0] ?? null
  return new BlockError('HTTP_ERROR', `${originAndPort(from)} answered with status ${status}; expected ${expected}`, {
    class: classOfStatus(status),
    retryAfterMs: waits ? retryAfterMs(retryAfter, nowMs) : null,
    detail: { status, body: text.slice(0, BODY_PREVIEW_CHARS) },
  })
}
