/** `beamline run list` */
import type { Command } from 'commander'
import type { Api, RequestOf } from '../client/client.ts'
import type { Act } from './cli.ts'
import { CliError, EXIT } from './cli-error.ts'
import { type Cell, paintOf, table, timeText } from './look.ts'
import type { Shell } from './shell.ts'

interface ListOptions {
  readonly flow?: string
  readonly flowVersion?: string
  readonly status?: string
  readonly waitingFor?: string
  readonly step?: string
  readonly error?: string
  readonly since?: string
  readonly until?: string
  readonly metadata?: string
  readonly oldest: boolean
  readonly limit: string
  readonly after?: string
  readonly count: boolean
}

export function addRunList(run: Command, act: Act): void {
  run
    .command('list')
    .description('list runs, newest first')
    .option('--flow <name>', 'runs of this flow')
    .option('--flow-version <n>', 'of this version of it')
    .option('--status <status>', 'accepted, running, completed, failed, cancelled or timed_out')
    .option('--waiting-for <what>', 'a step waits for this now: retry, slot, timer, worker')
    .option('--step <id>', 'this step waits now')
    .option('--error <code>', 'ended with this error')
    .option('--since <time>', 'accepted from then on, e.g. 2026-01-31T12:00:00Z or 2h (ago)')
    .option('--until <time>', 'accepted before then')
    .option('--metadata <list>', 'with these values, e.g. customer:42,region:eu')
    .option('--oldest', 'oldest first', false)
    .option('--limit <n>', 'at most this many', '20')
    .option('--after <cursor>', 'go on where an earlier list ended')
    .option('--count', 'count them by status instead', false)
    .action(act((shell, options: ListOptions) => (options.count ? count(shell, options) : list(shell, options))))
}

type Query = RequestOf<Api['listRuns']>['query'] & object

/** As they were given: what is wrong with one of them, the server knows to say. */
function filterOf(shell: Shell, options: ListOptions): object {
  const { flow, flowVersion, status, waitingFor, step, error, since, until, metadata } = options
  return {
    flow,
    version: flowVersion,
    status,
    waiting_for: waitingFor,
    waiting_step: step,
    error_code: error,
    accepted_from_ms: since === undefined ? undefined : timeOf(shell, '--since', since),
    accepted_to_ms: until === undefined ? undefined : timeOf(shell, '--until', until),
    metadata,
  }
}

const UNITS_MS: { readonly [unit: string]: number } = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** An instant, or how long ago. @throws {CliError} */
export function timeOf({ environment }: Pick<Shell, 'environment'>, flag: string, text: string): number {
  const [, amount, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  if (amount !== undefined) return Math.max(0, environment.now() - Number(amount) * UNITS_MS[unit!]!)
  const instant = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(instant)) return instant
  throw new CliError(
    EXIT.usage,
    `${flag} is '${text}'; expected a time such as 2026-01-31T12:00:00Z, or how long ago, such as 2h`,
  )
}

async function list(shell: Shell, options: ListOptions): Promise<void> {
  const { limit, after, oldest } = options
  const query = { ...filterOf(shell, options), limit, after, ...(oldest ? { order: 'oldest' } : {}) }
  const answer = await shell.api.listRuns({ query: query as unknown as Query })
  const rows = answer.runs.map((run): readonly Cell[] => [
    run.run_id,
    [run.status, paintOf(run.status)],
    timeText(run.accepted_at_ms),
    `${run.flow} v${run.version}`,
    run.error?.code ?? '',
  ])
  const more = answer.next === null ? [] : [`more: --after ${answer.next}`]
  const lines = rows.length === 0 ? ['no runs'] : [table(shell.look, rows)]
  const ids = answer.runs.map((run) => run.run_id)
  shell.print(answer, [...lines, ...more].join('\n'), ids)
}

async function count(shell: Shell, options: ListOptions): Promise<void> {
  const answer = await shell.api.countRuns({ query: filterOf(shell, options) })
  const rows = Object.entries(answer.counts).map(([status, n]): readonly Cell[] => [[status, paintOf(status)], n])
  const total: readonly Cell[] = [['total', 'bold'], `${answer.complete ? '' : 'at least '}${answer.total}`]
  shell.print(answer, table(shell.look, [...rows, total]), [String(answer.total)])
}
