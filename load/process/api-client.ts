/** A small client of the HTTP API for load, demo and crash test. */
import { Pool } from 'undici'

export interface ApiResponse {
  readonly status: number
  readonly body: { readonly [name: string]: unknown }
  /** Seconds, of a 429 or 503. */
  readonly retryAfter: number | null
}

export interface Submission {
  readonly flow: string
  /** Default: the latest. */
  readonly version?: number
  readonly input: unknown
  readonly idempotency_key?: string
  readonly sticky_key?: string
  readonly priority?: number
  readonly metadata?: object
}

export class ApiClient {
  readonly #pool: Pool

  constructor(url: string, connections = 32) {
    this.#pool = new Pool(url, { connections, bodyTimeout: 120_000, headersTimeout: 120_000 })
  }

  /** @throws when the connection fails; every HTTP status is an answer. */
  async call(method: 'GET' | 'POST', path: string, body?: unknown, type = 'application/json'): Promise<ApiResponse> {
    const text = body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body)
    const response = await this.#pool.request({
      method,
      path,
      body: text,
      headers: text === null ? {} : { 'content-type': type },
    })
    const answer = await response.body.text()
    const retryAfter = response.headers['retry-after']
    return {
      status: response.statusCode,
      body: parse(answer),
      retryAfter: retryAfter === undefined ? null : Number(retryAfter),
    }
  }

  submit(submission: Submission): Promise<ApiResponse> {
    return this.call('POST', '/api/v1/runs', submission)
  }

  run(runId: string): Promise<ApiResponse> {
    return this.call('GET', `/api/v1/runs/${runId}`)
  }

  /** Publishes a document in YAML. @throws if it is refused */
  async publish(yaml: string): Promise<void> {
    const answer = await this.call('POST', '/api/v1/flows', yaml, 'application/yaml')
    if (answer.status >= 300) throw new Error(`the flow was refused: ${JSON.stringify(answer.body)}`)
  }

  close(): Promise<void> {
    return this.#pool.destroy()
  }
}

function parse(text: string): { readonly [name: string]: unknown } {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as { [name: string]: unknown }) : { value }
  } catch {
    return { text }
  }
}
