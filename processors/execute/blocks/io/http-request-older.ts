/** `http.request` of the older C++ blocks: texts in, texts out. */
import { STATUS_CODES } from 'node:http'
import type { Json } from '../../../../schemas/json.ts'
import { type Block, BlockError } from '../../block.ts'
import { type BlockTools, TIMEOUT_MS_SCHEMA, within } from '../tools.ts'
import { originAndPort } from './address.ts'
import { ownError } from './http.ts'
import type { HttpClient } from './http-client.ts'
import { readBytes } from './http-read.ts'
import { buildRequest, type HttpRequest } from './http-request.ts'
import type { ResponseHeaders } from './http-response.ts'
import { inOlderCodes, missingField, OLDER_ERRORS } from './older-codes.ts'

interface Input {
  readonly url?: string
  readonly method?: string
  readonly body?: Json
  readonly headers?: Json
  readonly timeout_ms?: number
}

const OLDER_CODES = {
  MISSING_URL: 'MISSING_REQUIRED_FIELD',
  INVALID_METHOD: 'INVALID_INPUT',
  REQUEST_BUILD_ERROR: 'INVALID_FORMAT',
  EGRESS_REFUSED: 'PERMISSION_DENIED',
  RESPONSE_TOO_LARGE: 'QUOTA_EXCEEDED',
  REDIRECT_REFUSED: 'PERMISSION_DENIED',
}

const TIMEOUT_CODES = ['UND_ERR_CONNECT_TIMEOUT', 'ETIMEDOUT']

const text = { type: 'string' }
const inputSchema = {
  type: 'object',
  properties: {
    url: { ...text, description: 'An http or https URL.' },
    method: { ...text, description: 'Required.' },
    body: { description: 'A string is sent as it is, anything else as JSON.' },
    headers: { type: ['object', 'string'], description: 'An object, or its JSON text.' },
    timeout_ms: TIMEOUT_MS_SCHEMA,
  },
}

const { MISSING_REQUIRED_FIELD, INVALID_INPUT, INVALID_FORMAT, PERMISSION_DENIED, QUOTA_EXCEEDED } = OLDER_ERRORS
const { NETWORK_ERROR, CONNECTION_TIMEOUT, HTTP_ERROR } = OLDER_ERRORS

export function olderHttpRequestBlock(tools: BlockTools, client: HttpClient): Block {
  return {
    type: 'http.request',
    version: 1,
    pool: 'io',
    summary:
      '`http.request` of the older C++ blocks: returns `{status_code, body, headers}` as texts; a status other than 2xx is an error. Follows no redirects.',
    inputSchema,
    outputSchema: { type: 'object', properties: { status_code: text, body: text, headers: text } },
    errors: [
      MISSING_REQUIRED_FIELD,
      INVALID_INPUT,
      INVALID_FORMAT,
      PERMISSION_DENIED,
      QUOTA_EXCEEDED,
      NETWORK_ERROR,
      CONNECTION_TIMEOUT,
      HTTP_ERROR,
    ],
    takesSecrets: true,
    example: { url: 'https://example.org/orders', method: 'GET', headers: '{"accept": "application/json"}' },
    run: (context, input) => {
      const { url, method, body, headers, timeout_ms } = input as Input
      return inOlderCodes(OLDER_CODES, async () => {
        if (!url || !method) throw missingField('url, method')
        const outgoing = buildRequest(context, { url, method, body: body ?? null, headers: headersOf(headers) })
        return within(tools, context.signal, timeout_ms, (signal) => exchange(client, outgoing, signal))
      })
    },
  }
}

async function exchange(client: HttpClient, outgoing: HttpRequest, signal: AbortSignal): Promise<Json> {
  try {
    const answer = await client.send(outgoing, 0, signal)
    const { url, status, headers } = answer
    const bytes = await readBytes(answer, client.limitBytes)
    if (status >= 200 && status < 300) {
      return { status_code: String(status), body: bytes.toString('utf8'), headers: rawHeaders(status, headers) }
    }
    throw new BlockError('HTTP_ERROR', `HTTP request to ${originAndPort(url)} failed with status: ${status}`, {
      class: status >= 500 ? 'transient' : 'permanent',
      detail: { status },
    })
  } catch (error) {
    const code = String((error as { code?: unknown }).code)
    throw ownError(outgoing.url, error, signal, TIMEOUT_CODES.includes(code) ? 'CONNECTION_TIMEOUT' : 'NETWORK_ERROR')
  }
}

function headersOf(given: Json | undefined): { readonly [name: string]: string } {
  let headers: Json = given ?? {}
  if (typeof headers === 'string') {
    try {
      headers = JSON.parse(headers === '' ? '{}' : headers) as Json
    } catch (cause) {
      throw new BlockError('INVALID_FORMAT', `Invalid headers JSON: ${(cause as Error).message}`, { cause })
    }
  }
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) {
    throw new BlockError('INVALID_FORMAT', 'Invalid headers JSON: expected an object')
  }
  const entries = Object.entries(headers)
  return Object.fromEntries(entries.map(([name, v]) => [name, typeof v === 'string' ? v : JSON.stringify(v)]))
}

/** The head of the response as it came over the wire. */
function rawHeaders(status: number, headers: ResponseHeaders): string {
  const lines = Object.entries(headers).flatMap(([name, value]) => [value ?? []].flat().map((one) => `${name}: ${one}`))
  return [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`.trim(), ...lines, '', ''].join('\r\n')
}
