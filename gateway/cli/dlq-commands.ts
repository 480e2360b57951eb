/** `beamline dlq`: dead letters. */
import type { Command } from 'commander'
import type { AnswerOf, Api, RequestOf } from '../client/client.ts'
import type { Act } from './cli.ts'
import { CliError, EXIT } from './cli-error.ts'
import { type Cell, clean, counted, paint, paintOf, table, timeText } from './look.ts'
import { jsonOf, type Shell } from './shell.ts'

interface FilterOptions {
  readonly fingerprint?: string
  readonly flow?: string
  readonly error?: string
  readonly all: boolean
}

interface ListOptions extends Omit<FilterOptions, 'all'> {
  readonly status?: string
  readonly limit: string
  readonly after?: string
}

interface ReplayOptions extends FilterOptions {
  readonly patch?: string
  readonly rate?: string
  readonly limit?: string
  readonly reason?: string
  readonly key?: string
}

export function addDlqCommands(program: Command, act: Act): void {
  const dlq = program.command('dlq').description('look at, replay and discard dead letters')
  dlq
    .command('list')
    .description('list dead letters, newest first')
    .option('--fingerprint <text>', 'that failed alike')
    .option('--flow <name>', 'of this flow')
    .option('--error <code>', 'with this error')
    .option('--status <status>', 'open, replayed or discarded')
    .option('--limit <n>', 'at most this many', '20')
    .option('--after <cursor>', 'go on where an earlier list ended')
    .action(act((shell, options: ListOptions) => list(shell, options)))
  dlq.command('groups').description('dead letters by what went wrong').action(act(groups))
  dlq
    .command('show <letter-id>')
    .description('show a letter with its record and where it came from')
    .action(act((shell, letterId: string) => show(shell, letterId)))
  withFilter(dlq.command('plan [letter-id...]'))
    .description('what a replay would do; nothing changes')
    .action(act((shell, ids: readonly string[], options: FilterOptions) => plan(shell, ids, options)))
  withFilter(dlq.command('replay [letter-id...]'))
    .description('replay open letters: failed runs go on as new runs, records are appended again')
    .option('--patch <json>', 'JSON merge patch for the input of runs, or the new value of a single record')
    .option('--rate <n>', 'letters per second; 0: as fast as possible')
    .option('--limit <n>', 'letters in all')
    .option('--reason <text>', 'why')
    .option('--key <key>', 'the same key again replays nothing twice')
    .action(act((shell, ids: readonly string[], options: ReplayOptions) => replay(shell, ids, options)))
  withFilter(dlq.command('discard [letter-id...]'))
    .description('discard open letters; they stay in the list, as discarded')
    .requiredOption('--reason <text>', 'why')
    .action(
      act((shell, ids: readonly string[], options: FilterOptions & { readonly reason: string }) =>
        discard(shell, ids, options),
      ),
    )
}

function withFilter(command: Command): Command {
  return command
    .option('--fingerprint <text>', 'letters that failed alike')
    .option('--flow <name>', 'letters of this flow')
    .option('--error <code>', 'letters with this error')
    .option('--all', 'every open letter', false)
}

/** Nothing that changes all letters happens by leaving something out. @throws {CliError} */
function filterOf(ids: readonly string[], { fingerprint, flow, error, all }: FilterOptions) {
  if (!all && ids.length === 0 && fingerprint === undefined && flow === undefined && error === undefined) {
    const message = 'no letters are named; expected letter ids, --fingerprint, --flow or --error'
    throw new CliError(EXIT.usage, message, 'With --all it is every open letter; `beamline dlq groups` shows them.')
  }
  return {
    ...(ids.length === 0 ? {} : { letter_ids: ids }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(flow === undefined ? {} : { flow }),
    ...(error === undefined ? {} : { code: error }),
  }
}

async function list(shell: Shell, options: ListOptions): Promise<void> {
  const { fingerprint, flow, error, status, limit, after } = options
  const query = { fingerprint, flow, code: error, status, limit, after }
  const answer = await shell.api.listLetters({
    query: query as unknown as RequestOf<Api['listLetters']>['query'] & object,
  })
  const rows = answer.letters.map((letter): readonly Cell[] => [
    letter.letter_id,
    [letter.status, paintOf(letter.status)],
    timeText(letter.at_ms),
    `${letter.flow ?? letter.category}${letter.step_id === null ? '' : `/${letter.step_id}`}`,
    `${letter.error.code}: ${letter.error.message}`,
  ])
  const more = answer.next === null ? [] : [`more: --after ${answer.next}`]
  const lines = rows.length === 0 ? ['no dead letters'] : [table(shell.look, rows)]
  const ids = answer.letters.map((letter) => letter.letter_id)
  shell.print(answer, [...lines, ...more].join('\n'), ids)
}

async function groups(shell: Shell): Promise<void> {
  const answer = await shell.api.letterGroups()
  const rows = answer.groups.map((group): readonly Cell[] => [
    group.fingerprint,
    [`${group.open} open`, group.open > 0 ? 'red' : 'dim'],
    timeText(group.last_at_ms),
    `${group.flow ?? group.category}${group.step_id === null ? '' : `/${group.step_id}`}`,
    `${group.code}: ${group.message}`,
  ])
  const ids = answer.groups.map((group) => group.fingerprint)
  shell.print(answer, rows.length === 0 ? 'no dead letters' : table(shell.look, rows), ids)
}

async function show(shell: Shell, letterId: string): Promise<void> {
  const answer = await shell.api.getLetter({ params: { letter_id: letterId } })
  shell.print(answer, letterText(shell, answer), [answer.status])
}

function letterText({ look }: Shell, letter: AnswerOf<Api['getLetter']>): string {
  const optional = (name: string, value: string | null) => (value === null ? [] : [`  ${name}  ${clean(value)}`])
  return [
    `${clean(letter.letter_id)}  ${paint(look, paintOf(letter.status), letter.status)}  ${timeText(letter.at_ms)}`,
    `  ${clean(letter.error.code)}: ${clean(letter.error.message)}`,
    `  fingerprint  ${clean(letter.fingerprint)}`,
    ...optional('run', letter.run_id),
    ...optional('flow', letter.flow),
    ...optional('step', letter.step_id),
    `  position  ${letter.position}`,
    ...optional('replay', letter.replay_id),
    ...optional('new run', letter.new_run_id),
    ...optional('by', letter.resolved_by),
    ...optional('reason', letter.resolved_reason),
    ...letter.history.map((earlier) => `  after  ${clean(earlier.letter_id)} of ${timeText(earlier.at_ms)}`),
    `  record  ${clean(JSON.stringify(letter.record))}`,
  ].join('\n')
}

async function plan(shell: Shell, ids: readonly string[], options: FilterOptions): Promise<void> {
  const answer = await shell.api.planReplay({ body: { filter: filterOf(ids, options) } })
  const rows = answer.groups.map((group): readonly Cell[] => [
    group.count,
    group.refused === 0 ? 'can be replayed' : [`${group.refused} cannot be replayed`, 'yellow'],
    `${group.flow ?? group.category}${group.step_id === null ? '' : `/${group.step_id}`}`,
    `${group.code}: ${group.message}`,
  ])
  const head = `${counted(answer.matched, 'open letter')}, ${answer.refused} of them a replay would refuse`
  const ids_ = answer.letters.map((letter) => letter.letter_id)
  shell.print(answer, rows.length === 0 ? head : `${head}\n${table(shell.look, rows)}`, ids_)
}

async function replay(shell: Shell, ids: readonly string[], options: ReplayOptions): Promise<void> {
  const { patch, rate, limit, reason, key } = options
  const body = JSON.stringify({
    filter: filterOf(ids, options),
    ...(patch === undefined ? {} : { patch: jsonOf('patch', patch) }),
    ...(rate === undefined ? {} : { rate: numberOf('--rate', rate) }),
    ...(limit === undefined ? {} : { limit: numberOf('--limit', limit) }),
    ...(reason === undefined ? {} : { reason }),
  })
  const headers = key === undefined ? {} : { 'Idempotency-Key': key }
  const answer = await shell.api.replayLetters({ headers, body })
  const refused = answer.refused === 0 ? '' : `, ${answer.refused} ${answer.refused === 1 ? 'stays' : 'stay'} open`
  const because = answer.refusals.map(
    ({ letter_id: id, code, message }) => `  ${clean(id)}  ${clean(code)}: ${clean(message)}`,
  )
  const head = `replay ${answer.replay_id}: ${answer.scheduled} of ${counted(answer.matched, 'letter')}${refused}`
  shell.print(answer, [head, ...because, ...noneNote(answer.matched)].join('\n'), [answer.replay_id])
  if (answer.refused > 0 || (ids.length > 0 && answer.matched === 0)) shell.exitWith(EXIT.failed)
}

async function discard(
  shell: Shell,
  ids: readonly string[],
  options: FilterOptions & { readonly reason: string },
): Promise<void> {
  const answer = await shell.api.discardLetters({ body: { filter: filterOf(ids, options), reason: options.reason } })
  const text = [`discarded ${counted(answer.discarded, 'letter')}`, ...noneNote(answer.matched)].join('\n')
  shell.print(answer, text, [String(answer.discarded)])
  if (ids.length > 0 && answer.matched === 0) shell.exitWith(EXIT.failed)
}

/** Letters that were replayed or discarded before are passed over, which looks like a mistake in the id. */
function noneNote(matched: number): readonly string[] {
  if (matched > 0) return []
  return ['No open letter fits. `beamline dlq list` shows all letters, with what became of them.']
}

/** @param or what may stand there besides numbers */
export function numberOf(flag: string, text: string, or = ''): number {
  if (/^\d{1,9}(\.\d{1,6})?$/.test(text)) return Number(text)
  throw new CliError(EXIT.usage, `${flag} is '${text}'; expected a number of 0 or more, such as 20${or}`)
}
