/** From an `http` step's input to a request, and the errors of one that cannot be sent. Pure. */
import type { Json } from '../../../../schemas/json.ts'
import { type BlockContext, BlockError } from '../../block.ts'

export interface HttpInput {
  readonly url?: string
  readonly method?: string
  readonly headers?: { readonly [name: string]: string | number | boolean }
  readonly body?: Json
}

export type HttpMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS'

export interface HttpRequest {
  readonly url: URL
  readonly method: HttpMethod
  readonly headers: Record<string, string>
  readonly body: string | null
}

export const HTTP_METHODS: readonly HttpMethod[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what a header value must not have
const HEADER_VALUE_FORBIDDEN = /[\u0000-\u0008\u000a-\u001f\u007f]|[^\u0000-\u00ff]/

/** @throws {BlockError} `MISSING_URL`, `INVALID_METHOD`, `REQUEST_BUILD_ERROR` */
export function buildRequest(context: Pick<BlockContext, 'key' | 'traceparent'>, input: HttpInput): HttpRequest {
  const body = input.body ?? null
  const headers = requestHeaders(input)
  headers['idempotency-key'] ??= context.key
  if (context.traceparent !== null) headers.traceparent ??= context.traceparent
  if (body !== null && typeof body !== 'string') headers['content-type'] ??= 'application/json'
  return {
    url: requestUrl(input.url),
    method: requestMethod(input.method),
    headers,
    body: body === null ? null : typeof body === 'string' ? body : JSON.stringify(body),
  }
}

function requestUrl(text: string | undefined): URL {
  if (text === undefined || text.trim() === '') throw new BlockError('MISSING_URL', "the step's input has no 'url'")
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new BlockError('REQUEST_BUILD_ERROR', `'${text.slice(0, 200)}' is no http or https URL`)
  }
  return url
}

function requestMethod(text = 'GET'): HttpMethod {
  const method = HTTP_METHODS.find((known) => known === text.toUpperCase())
  if (method !== undefined) return method
  throw new BlockError(
    'INVALID_METHOD',
    `method '${text.slice(0, 40)}' is not known; expected one of ${HTTP_METHODS.join(', ')}`,
  )
}

function requestHeaders(input: HttpInput): Record<string, string> {
  const headers: Record<string, string> = Object.create(null)
  for (const [name, value] of Object.entries(input.headers ?? {})) {
    const text = String(value)
    if (!HEADER_NAME.test(name)) {
      throw new BlockError('REQUEST_BUILD_ERROR', `'${name.slice(0, 80)}' is no name of a header`)
    }
    if (HEADER_VALUE_FORBIDDEN.test(text)) {
      throw new BlockError(
        'REQUEST_BUILD_ERROR',
        `the value of header '${name}' has a character that headers cannot carry`,
      )
    }
    headers[name.toLowerCase()] = text
  }
  return headers
}
