import { Agent, type Dispatcher, interceptors, request } from 'undici'
import type { Json } from '../../../../schemas/json.ts'
import { type Block, type BlockContext, BlockError, type BlockErrorDef } from '../../block.ts'
import type { BlockTools } from '../tools.ts'
import { buildRequest, HTTP_METHODS, type HttpInput, type HttpRequest } from './http-request.ts'
import { outputOf } from './http-response.ts'

export interface HttpOptions {
  /** Largest response body, in bytes; default 1 MiB. */
  readonly responseLimitBytes?: number
  /** Connections per origin; default 256. */
  readonly connections?: number
}

const DEFAULT_RESPONSE_LIMIT = 1 << 20
const DEFAULT_CONNECTIONS = 256
const REDIRECTS = 5

const inputSchema = {
  type: 'object',
  properties: {
    url: { type: 'string', description: 'An http or https URL.' },
    method: { type: 'string', default: 'GET', description: `One of ${HTTP_METHODS.join(', ')}.` },
    headers: {
      type: 'object',
      additionalProperties: { type: ['string', 'number', 'boolean'] },
      description: 'Headers of the request. `Idempotency-Key` and `traceparent` are added unless given.',
    },
    body: { description: 'A string is sent as it is, anything else but `null` as JSON.' },
  },
  additionalProperties: false,
}

const errors: readonly BlockErrorDef[] = [
  { code: 'MISSING_URL', class: 'permanent', meaning: 'The input has no `url`.' },
  { code: 'INVALID_METHOD', class: 'permanent', meaning: 'The method is not one of those that are known.' },
  { code: 'REQUEST_BUILD_ERROR', class: 'permanent', meaning: 'The URL or a header cannot be sent.' },
  {
    code: 'HTTP_REQUEST_FAILED',
    class: 'transient',
    meaning: 'No answer: name not found, connection refused or broken.',
  },
  {
    code: 'HTTP_ERROR',
    class: 'permanent',
    meaning:
      'A status other than 2xx. Class `transient` for 408, 425, 429 and 5xx. `Retry-After` of 429 and 503 is honoured. Detail: `{status, body}`.',
  },
  { code: 'RESPONSE_TOO_LARGE', class: 'permanent', meaning: 'The body of the response is larger than the limit.' },
]

export interface HttpBlock {
  readonly block: Block
  close(): Promise<void>
}

/** Connections are opened at the first request and kept. */
export function httpBlock(tools: BlockTools, options: HttpOptions = {}): HttpBlock {
  const limitBytes = options.responseLimitBytes ?? DEFAULT_RESPONSE_LIMIT
  let agent: Agent | null = null
  let dispatcher: Dispatcher | null = null
  const open = (): Dispatcher => {
    // the step's own timeout is the only one, and it comes through the signal
    agent = new Agent({ connections: options.connections ?? DEFAULT_CONNECTIONS, headersTimeout: 0, bodyTimeout: 0 })
    return agent.compose(interceptors.redirect({ maxRedirections: REDIRECTS }))
  }
  const run = (context: BlockContext, input: Json): Promise<Json> => {
    const asked = buildRequest(context, input as HttpInput)
    dispatcher ??= open()
    return exchange(dispatcher, asked, context.signal, limitBytes, tools)
  }
  const block: Block = {
    type: 'http',
    version: 1,
    pool: 'io',
    summary:
      'Sends an HTTP request and returns `{status, headers, body}`; a JSON body comes parsed. Follows up to 5 redirects.',
    inputSchema,
    errors,
    example: { url: 'https://example.org/orders', method: 'POST', body: { sku: 'a-1', count: 2 } },
    run,
  }
  return { block, close: async () => agent?.destroy() }
}

async function exchange(
  dispatcher: Dispatcher,
  asked: HttpRequest,
  signal: AbortSignal,
  limitBytes: number,
  tools: BlockTools,
): Promise<Json> {
  const { url, method, headers, body } = asked
  signal.throwIfAborted()
  try {
    const response = await request(url, { method, headers, body, signal, dispatcher })
    const text = await readText(response.body, limitBytes)
    return outputOf(response.statusCode, response.headers, text, tools.now())
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof BlockError) throw error
    throw requestFailed(url, error)
  }
}

async function readText(body: AsyncIterable<Uint8Array>, limitBytes: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > limitBytes) {
      // leaving the loop destroys the body, and with it the connection
      throw new BlockError('RESPONSE_TOO_LARGE', `the response has more than ${limitBytes} bytes, the limit`)
    }
    chunks.push(chunk)
  }
  return chunks.length === 1 ? Buffer.from(chunks[0]!).toString('utf8') : Buffer.concat(chunks, size).toString('utf8')
}

function requestFailed(url: URL, error: unknown): BlockError {
  const reason = error as { code?: unknown; message?: unknown }
  const code = typeof reason.code === 'string' ? reason.code : null
  const message = `no answer from ${url.origin}: ${code ?? ''} ${String(reason.message ?? '')}`.trim()
  return new BlockError('HTTP_REQUEST_FAILED', message, { detail: { code }, cause: error })
}
