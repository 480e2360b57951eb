/** `beamline op`: one action on all that a query finds. */
import type { Command } from 'commander'
import type { AnswerOf, Api, RequestOf } from '../client/client.ts'
import { Refused } from './api.ts'
import type { Act } from './cli.ts'
import { CliError, EXIT } from './cli-error.ts'
import { numberOf } from './dlq-commands.ts'
import { type Cell, clean, counted, paint, paintOf, table, timeText } from './look.ts'
import { timeOf } from './run-list.ts'
import type { Shell } from './shell.ts'

interface QueryOptions {
  readonly flow?: string
  readonly flowVersion?: string
  readonly status?: string
  readonly waitingFor?: string
  readonly step?: string
  readonly error?: string
  readonly since?: string
  readonly until?: string
  readonly metadata?: string
  readonly fingerprint?: string
  readonly all: boolean
}

interface StartOptions extends QueryOptions {
  readonly dryRun: boolean
  readonly rate?: string
  readonly reason?: string
  readonly key?: string
  readonly wait: boolean
}

interface ListOptions {
  readonly action?: string
  readonly limit: string
  readonly after?: string
}

interface ItemsOptions {
  readonly outcome?: string
  readonly limit: string
  readonly after?: string
}

type Operation = Omit<AnswerOf<Api['getOperation']>, 'as_of'>
type StartAnswer = AnswerOf<Api['startOperation']>

const WAIT_POLL_MS = 250

export function addOperationCommands(program: Command, act: Act): void {
  const op = program.command('op').description('bulk operations: one action on all that a query finds')
  op.command('start <action> [letter-id...]')
    .description('cancel, retry or rerun runs, replay or discard dead letters; it goes on by itself')
    .option('--flow <name>', 'of this flow')
    .option('--flow-version <n>', 'runs of this version of it')
    .option('--status <status>', 'runs with this status')
    .option('--waiting-for <what>', 'runs of which a step waits for this now: retry, slot, timer, worker')
    .option('--step <id>', 'runs of which this step waits now')
    .option('--error <code>', 'with this error')
    .option('--since <time>', 'runs accepted from then on, e.g. 2026-01-31T12:00:00Z or 2h (ago)')
    .option('--until <time>', 'runs accepted before then')
    .option('--metadata <list>', 'runs with these values, e.g. customer:42,region:eu')
    .option('--fingerprint <text>', 'letters that failed alike')
    .option('--all', 'everything', false)
    .option('--dry-run', 'only say what it would find', false)
    .option('--rate <n>', 'items per second at most; 0: as fast as possible')
    .option('--reason <text>', 'why; needed to discard')
    .option('--key <key>', 'idempotency key: the same key again begins nothing new')
    .option('--wait', 'wait until it has ended', false)
    .action(
      act((shell, action: string, ids: readonly string[], options: StartOptions) => start(shell, action, ids, options)),
    )
  op.command('list')
    .description('list operations, newest first')
    .option('--action <action>', 'cancel, retry, rerun, replay or discard')
    .option('--limit <n>', 'at most this many', '20')
    .option('--after <cursor>', 'go on where an earlier list ended')
    .action(act((shell, options: ListOptions) => list(shell, options)))
  op.command('show <operation-id>').description('show how far an operation is').action(act(show))
  op.command('items <operation-id>')
    .description('list what an operation has done, with what became of it')
    .option('--outcome <outcome>', 'done, skipped or failed')
    .option('--limit <n>', 'at most this many', '50')
    .option('--after <cursor>', 'go on where an earlier list ended')
    .action(act((shell, id: string, options: ItemsOptions) => items(shell, id, options)))
  op.command('stop <operation-id>')
    .description('begin nothing more; what was done stays done')
    .action(
      act(async (shell, id: string) => {
        const answer = await shell.api.stopOperation({ params: { operation_id: id } })
        shell.print(answer, `${clean(id)} begins nothing more`, [id])
      }),
    )
}

/** Nothing that changes everything happens by leaving something out. @throws {CliError} */
function queryOf(shell: Shell, action: string, ids: readonly string[], options: QueryOptions): object {
  const { flow, flowVersion, status, waitingFor, step, error, since, until, metadata, fingerprint, all } = options
  const aboutLetters = action === 'replay' || action === 'discard'
  const query = {
    flow,
    version: flowVersion === undefined ? undefined : numberOf('--flow-version', flowVersion),
    status,
    waiting_for: waitingFor,
    waiting_step: step,
    [aboutLetters ? 'code' : 'error_code']: error,
    accepted_from_ms: since === undefined ? undefined : timeOf(shell, '--since', since),
    accepted_to_ms: until === undefined ? undefined : timeOf(shell, '--until', until),
    metadata: metadata === undefined ? undefined : metadataOf(metadata),
    fingerprint,
    letter_ids: ids.length === 0 ? undefined : ids,
  }
  if (all || Object.values(query).some((value) => value !== undefined)) return query
  const message = 'nothing says what to act on; expected e.g. --flow, --status or --error'
  throw new CliError(EXIT.usage, message, 'With --all it is everything; --dry-run shows what would be found.')
}

/** `key:value,key:value`, as in `beamline run list`. @throws {CliError} */
export function metadataOf(text: string): { readonly [key: string]: string } {
  const plain = (part: string): string => part.replaceAll(/\\([\s\S])/g, '$1')
  const pairs = text.split(/(?<!\\),/).map((pair) => pair.split(/(?<!\\):/).map(plain))
  const wrong = pairs.find((pair) => pair.length !== 2)
  if (wrong === undefined) return Object.fromEntries(pairs.map(([key, value]) => [key!, value!]))
  throw new CliError(EXIT.usage, `--metadata has '${wrong.join(':')}'; expected key:value`)
}

async function start(shell: Shell, action: string, ids: readonly string[], options: StartOptions): Promise<void> {
  const { dryRun, rate, reason, key, wait } = options
  const body = JSON.stringify({
    action,
    query: queryOf(shell, action, ids, options),
    ...(dryRun ? { dry_run: true } : {}),
    ...(rate === undefined ? {} : { rate_per_s: numberOf('--rate', rate) }),
    ...(reason === undefined ? {} : { reason }),
  })
  const headers = key === undefined ? {} : { 'Idempotency-Key': key }
  const answer = await shell.api.startOperation({ headers, body })
  if ('dry_run' in answer) {
    shell.print(answer, previewText(shell, answer), [String(answer.matched)])
    return
  }
  if (!wait) {
    const again = answer.repeated ? ' (begun before)' : ''
    const text = `${answer.operation_id}  ${answer.action} of ${counted(answer.matched, 'item')}${again}`
    shell.print(answer, text, [answer.operation_id])
    return
  }
  const ended = await untilEnded(shell, answer.operation_id)
  shell.print(ended, operationText(shell, ended), [ended.operation_id])
  if (ended.failed > 0 || ended.status === 'stopped') shell.exitWith(EXIT.failed)
}

function previewText({ look }: Shell, answer: Extract<StartAnswer, { readonly dry_run: true }>): string {
  const rows = answer.sample.map((item): readonly Cell[] => [
    item.id,
    [item.status, paintOf(item.status)],
    timeText(item.at_ms),
    item.flow,
    item.code ?? '',
  ])
  const { matched, complete, action, sample } = answer
  const head = complete
    ? `${action} would find ${counted(matched, 'item')}`
    : `${action} would find more than ${matched} items: too many for one operation`
  const rest = matched > sample.length && sample.length > 0 ? [`and ${matched - sample.length} more`] : []
  return [head, ...(rows.length === 0 ? [] : [table(look, rows)]), ...rest].join('\n')
}

async function untilEnded(shell: Shell, id: string): Promise<Operation> {
  const { environment, interrupted, api } = shell
  for (;;) {
    interrupted.throwIfAborted()
    const operation = await api.getOperation({ params: { operation_id: id } }).catch((error: unknown) => {
      // it shows up moments after it was begun
      if (error instanceof Refused && error.status === 404) return null
      throw error
    })
    if (operation !== null && operation.status !== 'running') return operation
    await new Promise<void>((resolve) => environment.after(WAIT_POLL_MS, resolve))
  }
}

function throughText({ done, skipped, failed, matched }: Operation): string {
  const parts = [`${done} done`, `${skipped} skipped`, `${failed} failed`]
  return `${done + skipped + failed} of ${matched}: ${parts.join(', ')}`
}

async function list(shell: Shell, { action, limit, after }: ListOptions): Promise<void> {
  // as they were given: what is wrong with one of them, the server knows to say
  const query = { action, limit, after } as unknown as RequestOf<Api['listOperations']>['query'] & object
  const answer = await shell.api.listOperations({ query })
  const rows = answer.operations.map((operation): readonly Cell[] => [
    operation.operation_id,
    [operation.status, paintOf(operation.status)],
    timeText(operation.started_at_ms),
    operation.action,
    throughText(operation),
  ])
  const more = answer.next === null ? [] : [`more: --after ${answer.next}`]
  const lines = rows.length === 0 ? ['no operations'] : [table(shell.look, rows)]
  const ids = answer.operations.map((operation) => operation.operation_id)
  shell.print(answer, [...lines, ...more].join('\n'), ids)
}

async function show(shell: Shell, id: string): Promise<void> {
  const operation = await shell.api.getOperation({ params: { operation_id: id } })
  shell.print(operation, operationText(shell, operation), [operation.status])
}

function operationText({ look }: Shell, operation: Operation): string {
  const optional = (name: string, value: string | null) => (value === null ? [] : [`  ${name}  ${clean(value)}`])
  const { rate_per_s: rate, ended_at_ms: endedAtMs } = operation
  return [
    `${clean(operation.operation_id)}  ${paint(look, paintOf(operation.status), operation.status)}  ${operation.action}`,
    `  ${throughText(operation)}`,
    `  query  ${clean(JSON.stringify(operation.query))}`,
    ...optional('rate', rate === 0 ? null : `${rate} a second`),
    ...optional('by', operation.requested_by),
    ...optional('reason', operation.reason),
    `  started  ${timeText(operation.started_at_ms)}`,
    ...optional('ended', endedAtMs === null ? null : timeText(endedAtMs)),
  ].join('\n')
}

async function items(shell: Shell, id: string, { outcome, limit, after }: ItemsOptions): Promise<void> {
  const query = { outcome, limit, after } as unknown as RequestOf<Api['operationItems']>['query'] & object
  const answer = await shell.api.operationItems({ params: { operation_id: id }, query })
  const rows = answer.items.map((item): readonly Cell[] => [
    item.id,
    [item.outcome, paintOf(item.outcome)],
    timeText(item.at_ms),
    item.code ?? item.new_run_id ?? '',
    item.run_status === null ? '' : [item.run_status, paintOf(item.run_status)],
  ])
  const more = answer.next === null ? [] : [`more: --after ${answer.next}`]
  const lines = rows.length === 0 ? ['nothing yet'] : [table(shell.look, rows)]
  shell.print(
    answer,
    [...lines, ...more].join('\n'),
    answer.items.map((item) => item.id),
  )
}
