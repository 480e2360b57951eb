/**
 * A client of the HTTP interface. Its calls, with the types of what they take and give, are those that the routes are described by:
 *
 *     const client = createClient({ url: 'http://127.0.0.1:8080' })
 *     const { run_id } = await client.submitRun({ body: { flow: 'hello', input: {} } })
 *     const run = await client.getRun({ params: { run_id } })
 */
import { API, type Api } from '../api/index.ts'
import { BYTES_TYPE, LINES_TYPE, type Operation, STREAM_TYPE } from '../api/operation.ts'
import { readEvents } from './event-stream.ts'
import type { Call } from './types.ts'

export type { ErrorCode } from '../errors.ts'
export type { AnswerOf, CallOptions, RequestOf, StreamItem } from './types.ts'
export type { Api }

export type Client = { readonly [N in keyof Api]: Call<Api[N]> }

export interface ClientOptions {
  /** E.g. `http://127.0.0.1:8080`. */
  readonly url: string | URL
  /** Of every call that names none itself. */
  readonly tenant?: string
  /** Sent with every call. */
  readonly headers?: { readonly [name: string]: string }
  /** Default: the global one. */
  readonly fetch?: typeof fetch
}

export interface ErrorAnswer {
  readonly code: string
  readonly message: string
  readonly details: { readonly [name: string]: unknown }
}

/** A request that the server has refused or could not serve. */
export class ApiError extends Error {
  readonly status: number
  /** E.g. `not_found`; `unknown` where the answer is none of Beamline's. */
  readonly code: string
  readonly details: ErrorAnswer['details']
  /** How long to wait before the same again, where the server says it. */
  readonly retryAfterS: number | null
  /** Under which the log of the server has more. */
  readonly requestId: string | null
  constructor(
    status: number,
    { code, message, details }: ErrorAnswer,
    retryAfterS: number | null,
    requestId: string | null,
  ) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    this.code = code
    this.details = details
    this.retryAfterS = retryAfterS
    this.requestId = requestId
  }
}

/** Calls reject with {@link ApiError}, and with what `fetch` throws when there is no answer. */
export function createClient(options: ClientOptions): Client {
  const calls = Object.entries(API).map(([name, operation]) => [
    name,
    (request: LooseRequest = {}) => call(options, operation, request),
  ])
  return Object.fromEntries(calls) as Client
}

/** What {@link Call} has checked. */
interface LooseRequest {
  readonly params?: { readonly [name: string]: unknown }
  readonly query?: { readonly [name: string]: unknown }
  readonly headers?: { readonly [name: string]: unknown }
  readonly body?: unknown
  readonly signal?: AbortSignal
  readonly contentType?: string
}

async function call(options: ClientOptions, operation: Operation, request: LooseRequest): Promise<unknown> {
  const body = bodyOf(operation, request.body)
  const response = await (options.fetch ?? fetch)(urlOf(options, operation, request), {
    method: operation.method,
    headers: headersOf(options, operation, request),
    ...(body === undefined ? {} : { body }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  })
  const described = operation.answers[response.status]
  if (described === undefined) throw await errorOf(response)
  if (described.type === STREAM_TYPE) return readEvents(response.body!)
  if (described.type === BYTES_TYPE) return new Uint8Array(await response.arrayBuffer())
  const text = await response.text()
  if (described.type === LINES_TYPE)
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map(parsed)
  return described.type === 'application/json' ? parsed(text) : text
}

const parsed = (text: string): unknown => JSON.parse(text)

function urlOf({ url }: ClientOptions, { path }: Operation, { params = {}, query = {} }: LooseRequest): URL {
  const filled = path.replaceAll(/:([a-z_]+)/g, (_match, name: string) => encodeURIComponent(String(params[name])))
  const base = new URL(url)
  base.pathname = `${base.pathname.replace(/\/$/, '')}${filled}`
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) base.searchParams.set(name, String(value))
  }
  return base
}

function headersOf(options: ClientOptions, operation: Operation, request: LooseRequest): Headers {
  const headers = new Headers(options.headers)
  if (options.tenant !== undefined) headers.set('x-tenant-id', options.tenant)
  for (const [name, value] of Object.entries(request.headers ?? {})) {
    if (value !== undefined) headers.set(name, String(value))
  }
  if (request.body === undefined || operation.body === undefined) return headers
  // a document in YAML is text
  const [other] = operation.body.otherTypes ?? []
  const isText = typeof request.body === 'string' || request.body instanceof Uint8Array
  headers.set('content-type', request.contentType ?? (isText && other !== undefined ? other : operation.body.type))
  return headers
}

function bodyOf({ body: described }: Operation, body: unknown): string | Uint8Array<ArrayBuffer> | undefined {
  if (body === undefined || typeof body === 'string') return body
  if (body instanceof Uint8Array) return new Uint8Array(body)
  if (described?.type !== LINES_TYPE || !Array.isArray(body)) return JSON.stringify(body)
  return body.map((line) => `${JSON.stringify(line)}\n`).join('')
}

async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text()
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN)
  const seconds = Number.isNaN(retryAfter) ? null : retryAfter
  const { error, context } = errorBody(text)
  const known = { code: 'unknown', message: `the server answered ${response.status}`, details: {}, ...error }
  return new ApiError(response.status, known, seconds, context?.request_id ?? null)
}

function errorBody(text: string): {
  readonly error?: Partial<ErrorAnswer>
  readonly context?: { readonly request_id?: string }
} {
  try {
    return (JSON.parse(text) as object | null) ?? {}
  } catch {
    return {}
  }
}
