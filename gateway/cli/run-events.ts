/** The events of a run, a line each. */
import type { AnswerOf, Api } from '../client/client.ts'
import { clean, type Look, paint, timeText } from './look.ts'
import type { Shell } from './shell.ts'

export type RunEvent = AnswerOf<Api['runEvents']>['events'][number]

const PAGE = 1000

/** What has happened to a run so far, in order. */
export async function* eventsOf(shell: Shell, runId: string, signal?: AbortSignal): AsyncGenerator<RunEvent> {
  let after: string | undefined
  for (;;) {
    const query = { limit: PAGE, ...(after === undefined ? {} : { after }) }
    const params = { run_id: runId }
    const page = await shell.api.runEvents({ params, query, ...(signal === undefined ? {} : { signal }) })
    yield* page.events
    if (page.next === null) return
    after = page.next
  }
}

export async function printEvents(shell: Shell, runId: string): Promise<void> {
  for await (const event of eventsOf(shell, runId)) printEvent(shell, event)
}

export function printEvent(shell: Shell, event: RunEvent): void {
  const text = shell.json ? JSON.stringify(event) : shell.quiet ? event.kind : eventText(shell.look, event)
  shell.stdout.write(`${text}\n`)
}

const PAINTS = { Completed: 'green', Failed: 'red', TimedOut: 'red', Rejected: 'red', Retrying: 'yellow' } as const

export function eventText(look: Look, event: RunEvent): string {
  const paints = Object.entries(PAINTS).find(([end]) => event.kind.endsWith(end))
  const step = event.step_id === undefined || event.step_id === null ? '' : `  ${clean(event.step_id)}`
  const attempt = event.attempt !== undefined && event.attempt > 1 ? ` attempt ${event.attempt}` : ''
  const kind = paint(look, paints?.[1] ?? null, event.kind.padEnd(13))
  return `${timeText(event.at_ms)}  ${kind}${step}${attempt}${detailOf(event)}`.trimEnd()
}

/** What else a person wants to know of it. */
function detailOf(event: RunEvent): string {
  const { error, reason, retry_at_ms, until_ms } = event as RunEvent & {
    readonly reason?: unknown
    readonly retry_at_ms?: unknown
    readonly until_ms?: unknown
  }
  const info = error as { readonly code?: string; readonly message?: string } | null | undefined
  return [
    ...(info?.code === undefined ? [] : [`${info.code}: ${info.message ?? ''}`]),
    ...(typeof reason === 'string' ? [reason] : []),
    ...(typeof retry_at_ms === 'number' ? [`again at ${timeText(retry_at_ms)}`] : []),
    ...(typeof until_ms === 'number' ? [`until ${timeText(until_ms)}`] : []),
  ]
    .map((part) => `  ${clean(part)}`)
    .join('')
}
