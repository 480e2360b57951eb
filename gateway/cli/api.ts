/** A server's HTTP interface, as commands use it. Failures become errors with an exit code. */
import { CliError, EXIT } from './cli-error.ts'

export type Answer = { readonly [name: string]: unknown }

export interface Api {
  /** @throws {CliError} */
  call(method: 'GET' | 'POST', path: string, options?: CallOptions): Promise<Answer>
}

export interface CallOptions {
  readonly body?: string | Uint8Array
  readonly contentType?: string
  readonly signal?: AbortSignal
}

export function createApi(url: string, tenant: string | null): Api {
  return {
    async call(method, path, { body, contentType = 'application/json', signal } = {}) {
      const response = await fetch(new URL(path, url), {
        method,
        headers: {
          ...(body === undefined ? {} : { 'content-type': contentType }),
          ...(tenant === null ? {} : { 'x-tenant-id': tenant }),
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : new Uint8Array(body) }),
        ...(signal === undefined ? {} : { signal }),
      }).catch((error: unknown) => {
        if (signal?.aborted) throw error
        throw unreachable(url, error)
      })
      const answer = parsed(await response.text())
      if (response.ok) return answer
      throw refused(response.status, answer, response.headers.get('retry-after'))
    },
  }
}

function unreachable(url: string, error: unknown): CliError {
  const { cause, message } = error as Error & { readonly cause?: { readonly code?: string; readonly message?: string } }
  const reason = cause?.code ?? cause?.message ?? message
  return new CliError(
    EXIT.unreachable,
    `no server answers at ${url} (${reason})`,
    'Start one with `beamline start`, or say where it is with --url or BEAMLINE_URL.',
  )
}

/** A server's refusal, with how long it asks to wait. */
export class Refused extends CliError {
  readonly status: number
  readonly retryAfterS: number
  /** What is wrong with a document, where the server refused one. */
  readonly problems: readonly Problem[]
  constructor(status: number, message: string, hint: string | null, retryAfterS: number, problems: readonly Problem[]) {
    super(status === 429 || status === 503 ? EXIT.busy : EXIT.failed, message, hint)
    this.status = status
    this.retryAfterS = retryAfterS
    this.problems = problems
  }
}

interface ErrorBody {
  readonly error?: { readonly code?: string; readonly message?: string; readonly details?: ErrorDetails }
  readonly context?: { readonly request_id?: string }
}
interface ErrorDetails {
  readonly problems?: readonly Problem[]
}

/** One thing wrong with a document. */
export interface Problem {
  readonly path?: string
  readonly message: string
  readonly line?: number
  readonly column?: number
}

const HINTS: { readonly [code: string]: string } = {
  flow_not_found: 'Publish it with `beamline flow publish FILE`, or list what there is with `beamline flow list`.',
  run_not_found: 'List what there is with `beamline run list`; runs of another tenant need --tenant.',
  service_overloaded: 'Try again later.',
  rate_limit_exceeded: 'Try again later.',
}

function refused(status: number, answer: Answer, retryAfter: string | null): Refused {
  const { error, context } = answer as ErrorBody
  const message = error?.message ?? `the server answered ${status}`
  const known = HINTS[error?.code ?? '']
  const hint =
    known ?? (status >= 500 ? `The server's log has more under ${context?.request_id ?? 'the request'}.` : null)
  return new Refused(status, message, hint, Number(retryAfter ?? 1), error?.details?.problems ?? [])
}

function parsed(text: string): Answer {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Answer) : { value }
  } catch {
    return { text }
  }
}
