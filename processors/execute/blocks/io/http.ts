import type { Json } from '../../../../schemas/json.ts'
import { type Block, type BlockContext, BlockError, type BlockErrorDef } from '../../block.ts'
import { type BlockTools, TIMEOUT_MS_SCHEMA, within } from '../tools.ts'
import { originAndPort } from './address.ts'
import { EGRESS_REFUSED } from './egress/egress.ts'
import { BLOB_SCHEMA, bodyOfBlob } from './http-blob.ts'
import type { HttpAnswer, HttpClient } from './http-client.ts'
import { describeExpectation, EXPECT_SCHEMA, expectsStatus } from './http-expect.ts'
import { ACCEPTED_ENCODINGS, decoded, readBytes } from './http-read.ts'
import { buildRequest, HTTP_METHODS, type HttpInput, type HttpRequest } from './http-request.ts'
import { plainHeaders, responseBody, statusError } from './http-response.ts'

interface Input extends Omit<HttpInput, 'blob'> {
  readonly blob?: Json
  readonly timeout_ms?: number
}

const DEFAULT_REDIRECTS = 5

export const HEADERS_SCHEMA = {
  type: 'object',
  additionalProperties: { type: ['string', 'number', 'boolean'] },
  description: 'Headers of the request. `Idempotency-Key` and `traceparent` are added unless given.',
}

const partSchema = {
  type: 'object',
  required: ['name'],
  properties: {
    name: { type: 'string' },
    value: { type: 'string' },
    bytes: { type: 'string' },
    filename: { type: 'string' },
    type: { type: 'string' },
  },
  additionalProperties: false,
}

const inputSchema = {
  type: 'object',
  properties: {
    url: { type: 'string', description: 'An http or https URL.' },
    method: { type: 'string', default: 'GET', description: `One of ${HTTP_METHODS.join(', ')}.` },
    query: { type: 'object', description: 'Parameters added to the URL; a list repeats its name, `null` is left out.' },
    headers: HEADERS_SCHEMA,
    body: { description: 'A string is sent as it is, anything else but `null` as JSON.' },
    form: { type: 'object', description: 'A body in the form of an HTML form, instead of `body`.' },
    bytes: { type: 'string', description: 'A body of bytes, in base64, instead of `body`.' },
    multipart: {
      type: 'array',
      maxItems: 256,
      items: partSchema,
      description: 'A body of parts `{name, value \\| bytes, filename, type}`, instead of `body`.',
    },
    blob: BLOB_SCHEMA,
    expect: EXPECT_SCHEMA,
    redirects: {
      type: 'integer',
      minimum: 0,
      maximum: 20,
      default: DEFAULT_REDIRECTS,
      description: 'How many redirects to follow. Credentials stay with the first origin.',
    },
    as: {
      enum: ['auto', 'json', 'text', 'bytes', 'blob'],
      default: 'auto',
      description:
        'Form of the body: `auto` parses JSON where the server says so, `bytes` is base64, `blob` a reference.',
    },
    timeout_ms: TIMEOUT_MS_SCHEMA,
  },
  additionalProperties: false,
}

export const outputSchema = {
  type: 'object',
  required: ['status', 'headers', 'body'],
  properties: {
    status: { type: 'integer', description: 'Status of the response.' },
    headers: { type: 'object', description: 'Headers by lower-case name; values of a repeated one joined by a comma.' },
    body: { description: 'The body, in the form that `as` asks for.' },
  },
}

/** What goes wrong with requests of every kind. */
export const REQUEST_ERRORS: readonly BlockErrorDef[] = [
  { code: 'MISSING_URL', class: 'permanent', meaning: 'The input has no `url`.' },
  { code: 'REQUEST_BUILD_ERROR', class: 'permanent', meaning: 'The URL, a header or the body cannot be sent.' },
  EGRESS_REFUSED,
  { code: 'TOO_MANY_REDIRECTS', class: 'permanent', meaning: 'More redirects than are followed.' },
  { code: 'REDIRECT_REFUSED', class: 'permanent', meaning: 'A redirect to no URL, or from https to http.' },
  { code: 'RESPONSE_TOO_LARGE', class: 'permanent', meaning: 'The body of the response is larger than the limit.' },
]

export const INVALID_METHOD: BlockErrorDef = {
  code: 'INVALID_METHOD',
  class: 'permanent',
  meaning: 'The method is not one of those that are known.',
}

export const HTTP_REQUEST_FAILED: BlockErrorDef = {
  code: 'HTTP_REQUEST_FAILED',
  class: 'transient',
  meaning: 'No answer: name not found, connection refused or broken, or bytes that are no HTTP.',
}

const errors: readonly BlockErrorDef[] = [
  ...REQUEST_ERRORS,
  INVALID_METHOD,
  HTTP_REQUEST_FAILED,
  {
    code: 'HTTP_ERROR',
    class: 'permanent',
    meaning:
      'A status that is not expected. Class `transient` for 408, 425, 429 and 5xx. `Retry-After` of 429 and 503 is honoured. Detail: `{status, body}`.',
  },
  { code: 'RESPONSE_NOT_JSON', class: 'permanent', meaning: 'The body is not the JSON that `as` asks for.' },
]

export function httpBlock(tools: BlockTools, client: HttpClient): Block {
  return {
    type: 'http',
    version: 2,
    pool: 'io',
    summary:
      'Sends an HTTP request and returns `{status, headers, body}`; a JSON body comes parsed. Follows up to 5 redirects.',
    inputSchema,
    outputSchema,
    errors,
    takesSecrets: true,
    example: { url: 'https://example.org/orders', method: 'POST', body: { sku: 'a-1', count: 2 } },
    examples: [
      {
        title: 'A token that is a secret, and a status that is no error',
        input: {
          url: 'https://example.org/orders/17',
          headers: { authorization: 'Bearer secret://orders-token' },
          expect: [200, 404],
        },
      },
      { title: 'A form', input: { url: 'https://example.org/login', method: 'POST', form: { name: 'ada' } } },
    ],
    run: (context, input) => {
      const { blob, ...asked } = input as Input
      if (blob == null) {
        const outgoing = buildRequest(context, asked)
        return within(tools, context.signal, asked.timeout_ms, (signal) => {
          return exchange(tools, client, context, outgoing, asked, signal)
        })
      }
      return within(tools, context.signal, asked.timeout_ms, async (signal) => {
        const outgoing = buildRequest(context, { ...asked, blob: await bodyOfBlob(context, blob, signal) })
        return exchange(tools, client, context, outgoing, asked, signal)
      })
    },
  }
}

async function exchange(
  tools: BlockTools,
  client: HttpClient,
  context: BlockContext,
  outgoing: HttpRequest,
  asked: HttpInput,
  signal: AbortSignal,
): Promise<Json> {
  outgoing.headers['accept-encoding'] ??= ACCEPTED_ENCODINGS
  try {
    const answer = await client.send(outgoing, asked.redirects ?? DEFAULT_REDIRECTS, signal)
    const { url, status, headers } = answer
    const isExpected = expectsStatus(asked.expect, status)
    if (isExpected && asked.as === 'blob') {
      const type = plainHeaders(headers)['content-type'] ?? null
      return { status, headers: plainHeaders(headers), body: await storedBody(context, answer, type, signal) }
    }
    const bytes = await readBytes(answer, client.limitBytes)
    if (isExpected) return outputOf(answer, bytes, asked.as)
    throw statusError(url, status, headers, bytes.toString('utf8'), describeExpectation(asked.expect), tools.now())
  } catch (error) {
    throw ownError(outgoing.url, error, signal, 'HTTP_REQUEST_FAILED')
  }
}

function outputOf({ status, headers }: HttpAnswer, bytes: Buffer, as: HttpInput['as']): Json {
  const plain = plainHeaders(headers)
  return { status, headers: plain, body: bodyAs(bytes, as, plain['content-type']) }
}

function bodyAs(bytes: Buffer, as: HttpInput['as'], type: string | undefined): Json {
  if (as === 'bytes') return bytes.toString('base64')
  const text = bytes.toString('utf8')
  if (as === 'text') return text
  if (as !== 'json') return responseBody(text, type)
  try {
    return JSON.parse(text) as Json
  } catch (cause) {
    throw new BlockError('RESPONSE_NOT_JSON', `the response is not JSON: ${(cause as Error).message}`, { cause })
  }
}

async function storedBody(
  context: BlockContext,
  answer: HttpAnswer,
  type: string | null,
  signal: AbortSignal,
): Promise<Json> {
  if (context.blobs === undefined) {
    answer.body.on('error', () => undefined).destroy()
    throw new BlockError('BLOBS_UNAVAILABLE', 'this executor has no place for blobs', { class: 'permanent' })
  }
  const { blob, size, hash } = await context.blobs.put(decoded(answer), { type }, signal)
  return { blob, size, type, hash }
}

/** What is thrown for an error of the network: the signal's reason if that is why, a block's error as it is, else `code`. */
export function ownError(url: URL, error: unknown, signal: AbortSignal, code: string): unknown {
  if (signal.aborted) return signal.reason
  if (error instanceof BlockError) return error
  const reason = error as { code?: unknown; message?: unknown; cause?: unknown }
  if (reason.cause instanceof BlockError) return reason.cause
  const found = typeof reason.code === 'string' ? reason.code : null
  const message = `no answer from ${originAndPort(url)}: ${found ?? ''} ${String(reason.message ?? '')}`.trim()
  return new BlockError(code, message, { detail: { code: found }, cause: error })
}
