/** `beamline run` */
import type { Command } from 'commander'
import type { Act } from './cli.ts'
import { EXIT } from './cli-error.ts'
import { numberOf } from './dlq-commands.ts'
import { metadataOf } from './operation-commands.ts'
import { addAgainCommands } from './run-again.ts'
import { printEvents } from './run-events.ts'
import { addRunList } from './run-list.ts'
import { runText } from './run-text.ts'
import { jsonOf, readInput, type Shell } from './shell.ts'
import { watchRun } from './watch.ts'

interface SubmitOptions {
  readonly input?: string
  readonly inputFile?: string
  readonly flowVersion?: string
  readonly key?: string
  readonly stickyKey?: string
  readonly priority?: string
  readonly metadata?: string
  readonly wait?: string
}

export function addRunCommands(program: Command, act: Act): void {
  const run = program.command('run').description('start, follow, cancel and repeat runs')
  run
    .command('submit <flow>')
    .description('start a run')
    .option('--input <json>', 'its input')
    .option('--input-file <file>', 'its input, from a file; - reads standard input')
    .option('--flow-version <n>', 'instead of the latest')
    .option('--key <key>', 'idempotency key: the same key and body again give the same run')
    .option('--sticky-key <key>', 'runs of one key go to the same worker')
    .option('--priority <n>', '0 to 9, higher first; by default what the flow says')
    .option('--metadata <list>', 'for search, e.g. customer:42,region:eu')
    .option('--wait <duration>', 'wait for it to end, e.g. 30s')
    .action(act((shell, flow: string, options: SubmitOptions) => submit(shell, flow, options)))
  run
    .command('show <run-id>')
    .description('show a run with its steps')
    .action(act((shell, runId: string) => show(shell, runId)))
  addRunList(run, act)
  run
    .command('watch <run-id>')
    .description('follow a run until it ends: the graph and its steps on a terminal, a line per event elsewhere')
    .action(act((shell, runId: string) => watchRun(shell, runId)))
  run
    .command('events <run-id>')
    .description('print what has happened to a run, in order')
    .action(act((shell, runId: string) => printEvents(shell, runId)))
  run
    .command('cancel <run-id>')
    .description('cancel a run')
    .option('--reason <text>', 'why')
    .action(act((shell, runId: string, { reason }: { readonly reason?: string }) => cancel(shell, runId, reason)))
  addAgainCommands(run, act)
}

async function submit(shell: Shell, flow: string, options: SubmitOptions): Promise<void> {
  const { input, inputFile, flowVersion, key, stickyKey, priority, metadata, wait } = options
  const text = inputFile === undefined ? input : (await readInput(shell, inputFile)).toString()
  const body = JSON.stringify({
    flow,
    input: text === undefined ? {} : jsonOf('input', text, ', or --input-file FILE'),
    ...(flowVersion === undefined ? {} : { version: numberOf('--flow-version', flowVersion) }),
    ...(key === undefined ? {} : { idempotency_key: key }),
    ...(stickyKey === undefined ? {} : { sticky_key: stickyKey }),
    ...(priority === undefined ? {} : { priority: numberOf('--priority', priority) }),
    ...(metadata === undefined ? {} : { metadata: metadataOf(metadata) }),
  })
  const query = wait === undefined ? {} : { wait }
  const answer = await shell.api.submitRun({ query, body })
  const shown = 'steps' in answer ? runText(shell.look, answer) : `${answer.run_id} ${answer.status}`
  shell.print(answer, shown, [answer.run_id])
  if ('steps' in answer && answer.status !== 'completed') shell.exitWith(EXIT.failed)
}

async function show(shell: Shell, runId: string): Promise<void> {
  const answer = await shell.api.getRun({ params: { run_id: runId } })
  shell.print(answer, runText(shell.look, answer), [answer.status])
}

async function cancel(shell: Shell, runId: string, reason: string | undefined): Promise<void> {
  const body = reason === undefined ? {} : { reason }
  const answer = await shell.api.cancelRun({ params: { run_id: runId }, body })
  shell.print(answer, `${answer.run_id} ${answer.status}`, [answer.run_id])
}
