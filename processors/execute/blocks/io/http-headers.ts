/** Names and values of HTTP headers, checked before they are sent. Pure. */
import { BlockError } from '../../block.ts'

export type HeaderValues = { readonly [name: string]: string | number | boolean }

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what a header value must not have
const HEADER_VALUE_FORBIDDEN = /[\u0000-\u0008\u000a-\u001f\u007f]|[^\u0000-\u00ff]/

/** What the client says by itself; two sizes of one body would be an attack. */
const NOT_TO_BE_SET = ['content-length', 'transfer-encoding', 'connection', 'upgrade', 'keep-alive', 'expect']

/** What may be sent to another origin than the one the step named. */
const KEPT_ACROSS_ORIGINS = [
  'accept',
  'accept-encoding',
  'accept-language',
  'content-type',
  'idempotency-key',
  'traceparent',
  'user-agent',
]

/** Names in lower case. @throws {BlockError} `REQUEST_BUILD_ERROR` */
export function checkedHeaders(given: HeaderValues = {}): Record<string, string> {
  const headers: Record<string, string> = Object.create(null)
  for (const [name, value] of Object.entries(given)) {
    const text = String(value)
    const lower = name.toLowerCase()
    if (!HEADER_NAME.test(name)) {
      throw new BlockError('REQUEST_BUILD_ERROR', `'${name.slice(0, 80)}' is no name of a header`)
    }
    if (HEADER_VALUE_FORBIDDEN.test(text)) {
      throw new BlockError(
        'REQUEST_BUILD_ERROR',
        `the value of header '${name}' has a character that headers cannot carry`,
      )
    }
    if (!NOT_TO_BE_SET.includes(lower)) headers[lower] = text
  }
  return headers
}

/** Credentials are meant for the origin they were given for. */
export function headersForOtherOrigin(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => KEPT_ACROSS_ORIGINS.includes(name)))
}

export function withoutBodyHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith('content-')))
}
