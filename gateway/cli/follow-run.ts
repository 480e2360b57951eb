/** The events of a run from its first to its last as they happen, each once, over connections that may break. */
import { CliError, EXIT } from './cli-error.ts'
import { eventsOf, type RunEvent } from './run-events.ts'
import { pause, type Shell } from './shell.ts'

/** Events after which nothing can happen to a run any more. */
export const RUN_ENDS: { readonly [kind: string]: 'completed' | 'failed' | 'cancelled' | 'timed_out' } = {
  RunCompleted: 'completed',
  RunFailed: 'failed',
  RunRejected: 'failed',
  RunCancelled: 'cancelled',
  RunTimedOut: 'timed_out',
}

const MAX_FAILURES = 10
const TRY_AGAIN_MS = 500

interface Following {
  readonly shell: Shell
  readonly runId: string
  readonly signal: AbortSignal
  /** Offset of the last event that was given; all events of a run are in one partition. */
  seen: number
  /** Where the stream goes on; `null`: what came before must be read first. */
  lastEventId: string | null
  failures: number
}

/** Ends after the run's last event, or when the command is interrupted. @throws {CliError} when the server cannot be reached any more */
export async function* followRun(shell: Shell, runId: string): AsyncGenerator<RunEvent> {
  const stop = new AbortController()
  const signal = AbortSignal.any([stop.signal, shell.interrupted])
  const following: Following = { shell, runId, signal, seen: -1, lastEventId: null, failures: 0 }
  try {
    while (!signal.aborted) {
      try {
        for await (const event of connection(following)) {
          yield event
          if (event.kind in RUN_ENDS) return
        }
      } catch (error) {
        following.failures += 1
        if (signal.aborted) return
        if (isFinal(error) || following.failures >= MAX_FAILURES) throw error
      }
      await pause(shell, TRY_AGAIN_MS)
    }
  } finally {
    stop.abort()
  }
}

/** What the same again would not change. */
function isFinal(error: unknown): boolean {
  return !(error instanceof CliError) || error.exitCode === EXIT.usage || error.exitCode === EXIT.failed
}

/** The stream is opened before what came before it is read, so that nothing falls between them. */
async function* connection(following: Following): AsyncGenerator<RunEvent> {
  const { shell, runId, signal, lastEventId } = following
  const headers = lastEventId === null ? {} : { 'Last-Event-ID': lastEventId }
  const stream = await shell.api.streamEvents({ query: { run_id: runId }, headers, signal })
  if (lastEventId === null) {
    for await (const event of eventsOf(shell, runId, signal)) if (isNew(following, event)) yield event
  }
  try {
    for await (const { id, event: type, data } of stream) {
      if (type === 'snapshot_required') {
        following.lastEventId = null
        return
      }
      following.lastEventId = id
      if (isNew(following, data)) yield data
    }
  } catch (error) {
    if (!signal.aborted) throw new CliError(EXIT.unreachable, `the stream was cut: ${(error as Error).message}`)
  }
}

function isNew(following: Following, { position }: RunEvent): boolean {
  const offset = Number(position.split('/')[2])
  following.failures = 0
  if (offset <= following.seen) return false
  following.seen = offset
  return true
}
