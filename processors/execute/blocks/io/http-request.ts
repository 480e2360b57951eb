/** From an `http` step's input to a request, and the errors of one that cannot be sent. Pure. */
import { createHash } from 'node:crypto'
import type { Json } from '../../../../schemas/json.ts'
import { type BlockContext, BlockError } from '../../block.ts'
import { decodedPart } from './address.ts'
import { type BodyInput, pairsOf, requestBody } from './http-body.ts'
import type { Expectation } from './http-expect.ts'
import { checkedHeaders, type HeaderValues } from './http-headers.ts'

export interface HttpInput extends BodyInput {
  readonly url?: string
  readonly method?: string
  readonly query?: { readonly [name: string]: Json }
  readonly headers?: HeaderValues
  readonly expect?: Expectation
  readonly redirects?: number
  readonly as?: BodyForm
}

/** How the body of a response becomes a value. */
export type BodyForm = 'auto' | 'json' | 'text' | 'bytes' | 'blob'
export type HttpMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS'

export interface HttpRequest {
  readonly url: URL
  readonly method: HttpMethod
  readonly headers: Record<string, string>
  readonly body: string | Uint8Array | null
}

export const HTTP_METHODS: readonly HttpMethod[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
const URL_MAX_CHARS = 16_384

/** @throws {BlockError} `MISSING_URL`, `INVALID_METHOD`, `REQUEST_BUILD_ERROR` */
export function buildRequest(context: Pick<BlockContext, 'key' | 'traceparent'>, input: HttpInput): HttpRequest {
  const headers = checkedHeaders(input.headers)
  const url = requestUrl(input.url)
  const method = requestMethod(input.method)
  if (input.query !== undefined) for (const pair of pairsOf(input.query)) url.searchParams.append(...pair)
  credentialsToHeader(url, headers)
  headers['idempotency-key'] ??= context.key
  if (context.traceparent !== null) headers.traceparent ??= context.traceparent
  const body = requestBody(input, input.multipart == null ? '' : boundaryOf(context.key))
  if (body?.type != null) headers['content-type'] ??= body.type
  return { url, method, headers, body: body === null ? null : body.content }
}

/** The same for every execution of the attempt. */
function boundaryOf(key: string): string {
  return `beamline-${createHash('sha256').update(key).digest('hex').slice(0, 32)}`
}

export function requestUrl(text: string | undefined): URL {
  if (text === undefined || text.trim() === '') throw new BlockError('MISSING_URL', "the step's input has no 'url'")
  const url = text.length <= URL_MAX_CHARS && URL.canParse(text) ? new URL(text) : null
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new BlockError('REQUEST_BUILD_ERROR', `'${withoutCredentials(text)}' is no http or https URL`)
  }
  return url
}

function withoutCredentials(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, '$1').slice(0, 200)
}

/** A name and password in the URL are sent as every client sends them, and are in no message of ours. */
function credentialsToHeader(url: URL, headers: Record<string, string>): void {
  if (url.username === '' && url.password === '') return
  const pair = `${decodedPart(url.username)}:${decodedPart(url.password)}`
  headers.authorization ??= `Basic ${Buffer.from(pair).toString('base64')}`
  url.username = ''
  url.password = ''
}

function requestMethod(text = 'GET'): HttpMethod {
  const method = HTTP_METHODS.find((known) => known === text.toUpperCase())
  if (method !== undefined) return method
  throw new BlockError(
    'INVALID_METHOD',
    `method '${text.slice(0, 40)}' is not known; expected one of ${HTTP_METHODS.join(', ')}`,
  )
}
