/** `http` as the older Rust worker had it, under the name that flow documents of the older form get. */
import type { Json } from '../../../../schemas/json.ts'
import type { Block } from '../../block.ts'
import { type BlockTools, pause, TIMEOUT_MS_SCHEMA, within } from '../tools.ts'
import { HEADERS_SCHEMA, HTTP_REQUEST_FAILED, INVALID_METHOD, outputSchema, ownError, REQUEST_ERRORS } from './http.ts'
import type { HttpAnswer, HttpClient } from './http-client.ts'
import { readBytes } from './http-read.ts'
import { buildRequest, HTTP_METHODS, type HttpRequest } from './http-request.ts'
import { plainHeaders } from './http-response.ts'

interface Input {
  readonly url?: string
  readonly method?: string
  readonly headers?: { readonly [name: string]: string }
  readonly body?: Json
  readonly timeout_ms?: number
}

/** Waits before the second, third and fourth try. */
const RETRIES_MS: readonly number[] = [200, 400, 800]
const REDIRECTS = 10

export const OLDER_REQUEST_SCHEMA = {
  url: { type: 'string', description: 'An http or https URL.' },
  headers: HEADERS_SCHEMA,
  timeout_ms: TIMEOUT_MS_SCHEMA,
}

export function workerHttpBlock(tools: BlockTools, client: HttpClient): Block {
  return {
    type: 'worker.http',
    version: 1,
    pool: 'io',
    summary:
      '`http` of the older worker: any status is a success, a body that is JSON comes parsed, a 5xx or a broken connection is tried up to 3 times more. It is what `http` means in a step with `inputs`.',
    inputSchema: {
      type: 'object',
      properties: {
        ...OLDER_REQUEST_SCHEMA,
        method: { type: 'string', default: 'GET', description: `One of ${HTTP_METHODS.join(', ')}.` },
        body: { description: 'A string is sent as it is, anything else but `null` as JSON.' },
      },
    },
    outputSchema,
    errors: [...REQUEST_ERRORS, INVALID_METHOD, HTTP_REQUEST_FAILED],
    takesSecrets: true,
    example: { url: 'https://example.org/orders', method: 'POST', body: { sku: 'a-1', count: 2 } },
    run: (context, input) => {
      const { timeout_ms, url, method, headers, body } = input as Input
      const given = { ...(url && { url }), ...(method && { method }), ...(headers && { headers }), body: body ?? null }
      const outgoing = buildRequest(context, given)
      return within(tools, context.signal, timeout_ms, async (signal) => {
        const { answer, bytes } = await persistent(tools, client, outgoing, signal, 'HTTP_REQUEST_FAILED')
        return {
          status: answer.status,
          headers: plainHeaders(answer.headers),
          body: jsonOrText(bytes.toString('utf8')),
        }
      })
    },
  }
}

/** Sends until there is an answer below 500, four times at most; then answers with the last one. */
export async function persistent(
  tools: BlockTools,
  client: HttpClient,
  outgoing: HttpRequest,
  signal: AbortSignal,
  failedCode: string,
): Promise<{ readonly answer: HttpAnswer; readonly bytes: Buffer }> {
  for (const waitMs of [...RETRIES_MS, null]) {
    try {
      const answer = await client.send(outgoing, REDIRECTS, signal)
      const bytes = await readBytes(answer, client.limitBytes)
      if (answer.status < 500 || waitMs === null) return { answer, bytes }
    } catch (error) {
      const own = ownError(outgoing.url, error, signal, failedCode)
      if (waitMs === null || (own as { code?: unknown }).code !== failedCode) throw own
    }
    await pause(tools, waitMs, signal)
  }
  throw new TypeError('the last try returns or throws')
}

function jsonOrText(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return text
  }
}
