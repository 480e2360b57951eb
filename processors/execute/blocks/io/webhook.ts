/** Signed requests, in the form of the Standard Webhooks specification (https://www.standardwebhooks.com). */
import { createHash, createHmac } from 'node:crypto'
import type { Json } from '../../../../schemas/json.ts'
import { type Block, type BlockContext, BlockError, type BlockErrorDef } from '../../block.ts'
import { type BlockTools, TIMEOUT_MS_SCHEMA, within } from '../tools.ts'
import { HEADERS_SCHEMA, HTTP_REQUEST_FAILED, ownError, REQUEST_ERRORS } from './http.ts'
import type { HttpClient } from './http-client.ts'
import { readBytes } from './http-read.ts'
import { buildRequest, type HttpRequest } from './http-request.ts'
import { statusError } from './http-response.ts'

interface Input {
  readonly url?: string
  readonly body?: Json
  readonly secret?: string
  readonly headers?: { readonly [name: string]: string }
  readonly timeout_ms?: number
}

const KEY_MIN_BYTES = 16

const errors: readonly BlockErrorDef[] = [
  ...REQUEST_ERRORS,
  HTTP_REQUEST_FAILED,
  {
    code: 'MISSING_SECRET',
    class: 'permanent',
    meaning: `The input has no \`secret\` of at least ${KEY_MIN_BYTES} bytes to sign with.`,
  },
  {
    code: 'HTTP_ERROR',
    class: 'permanent',
    meaning: 'A status other than 2xx, 410 among them. Class `transient` for 408, 425, 429 and 5xx.',
  },
]

export function webhookBlock(tools: BlockTools, client: HttpClient): Block {
  return {
    type: 'webhook',
    version: 1,
    pool: 'io',
    summary:
      'Posts JSON with `webhook-id` (the same for all attempts of the step), `webhook-timestamp` and `webhook-signature` (HMAC-SHA256 of the three), and returns `{status, id, timestamp}`. Follows no redirects.',
    inputSchema: {
      type: 'object',
      properties: {
        url: { type: 'string', description: 'An http or https URL.' },
        body: { default: null, description: 'What is posted, as JSON.' },
        secret: {
          type: 'string',
          description: 'Key of the signature: `whsec_` and base64, or any text. Name a secret here.',
        },
        headers: HEADERS_SCHEMA,
        timeout_ms: TIMEOUT_MS_SCHEMA,
      },
      additionalProperties: false,
    },
    outputSchema: {
      type: 'object',
      required: ['status', 'id', 'timestamp'],
      properties: {
        status: { type: 'integer', description: 'Status of the answer.' },
        id: { type: 'string', description: 'As it was sent.' },
        timestamp: { type: 'integer', description: 'Seconds since the epoch, as they were sent.' },
      },
    },
    errors,
    takesSecrets: true,
    example: { url: 'https://example.org/hooks', secret: 'secret://hook-key', body: { type: 'order.paid', id: 'a-1' } },
    run: async (context, input) => {
      const { timeout_ms, ...asked } = input as Input
      const signed = signedRequest(context, asked, Math.floor(tools.now() / 1_000))
      return within(tools, context.signal, timeout_ms, async (signal) => {
        return {
          ...(await exchange(tools, client, signed.request, signal)),
          id: signed.id,
          timestamp: signed.timestamp,
        }
      })
    },
  }
}

/** HMAC-SHA256 over `id.timestamp.body`, in base64. */
export function signatureOf(key: Uint8Array, id: string, timestamp: number, body: string): string {
  return createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
}

interface SignedRequest {
  readonly request: HttpRequest
  readonly id: string
  readonly timestamp: number
}

function signedRequest(context: BlockContext, asked: Omit<Input, 'timeout_ms'>, timestamp: number): SignedRequest {
  const body = JSON.stringify(asked.body ?? null)
  const id = `msg_${createHash('sha256').update(`${context.tenant}/${context.runId}/${context.stepId}`).digest('base64url').slice(0, 27)}`
  const { url, headers = {} } = asked
  const request = buildRequest(context, { ...(url && { url }), method: 'POST', headers, body })
  const signature = `v1,${signatureOf(keyOf(asked.secret), id, timestamp, body)}`
  const stamps = { 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': signature }
  return {
    request: { ...request, headers: { 'content-type': 'application/json', ...request.headers, ...stamps } },
    id,
    timestamp,
  }
}

function keyOf(secret = ''): Uint8Array {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret)
  if (key.length >= KEY_MIN_BYTES) return key
  throw new BlockError(
    'MISSING_SECRET',
    `the secret to sign with has ${key.length} bytes; expected at least ${KEY_MIN_BYTES}`,
  )
}

async function exchange(
  tools: BlockTools,
  client: HttpClient,
  outgoing: HttpRequest,
  signal: AbortSignal,
): Promise<{ readonly status: number }> {
  try {
    const answer = await client.send(outgoing, 0, signal)
    const bytes = await readBytes(answer, client.limitBytes)
    if (answer.status >= 200 && answer.status < 300) return { status: answer.status }
    throw statusError(answer.url, answer.status, answer.headers, bytes.toString('utf8'), '2xx', tools.now())
  } catch (error) {
    throw ownError(outgoing.url, error, signal, 'HTTP_REQUEST_FAILED')
  }
}
