/** A server's HTTP interface, as commands use it. Failures become errors with an exit code. */
import { ApiError, type Client, createClient } from '../client/client.ts'
import { CliError, EXIT } from './cli-error.ts'

export type Api = Client

/** Calls throw {@link CliError}, and what aborting them throws. */
export function createApi(url: string, tenant: string | null): Api {
  const client = createClient({ url, ...(tenant === null ? {} : { tenant }) })
  const calls = Object.entries(client).map(([name, call]) => [
    name,
    (request?: { readonly signal?: AbortSignal }) =>
      (call as (request: unknown) => Promise<unknown>)(request).catch((error: unknown) => {
        if (request?.signal?.aborted === true) throw error
        throw error instanceof ApiError ? refused(error) : unreachable(url, error)
      }),
  ])
  return Object.fromEntries(calls) as Api
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

/** By `details.code`, which says more than the code. */
const DETAIL_HINTS: { readonly [code: string]: string } = {
  INVALID_RUN_ID: 'List what there is with `beamline run list`.',
  RUN_NOT_FAILED: 'The whole of it runs again with `beamline run rerun`.',
}

function refused({ status, code, message, details, retryAfterS, requestId }: ApiError): Refused {
  const more = status >= 500 ? `The server's log has more under ${requestId ?? 'the request'}.` : null
  const problems = (details.problems ?? []) as readonly Problem[]
  return new Refused(
    status,
    message,
    DETAIL_HINTS[String(details.code)] ?? HINTS[code] ?? more,
    retryAfterS ?? 1,
    problems,
  )
}
