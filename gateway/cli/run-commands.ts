/** `beamline run` */
import type { Command } from 'commander'
import type { Api, RequestOf } from '../client/client.ts'
import type { Act } from './cli.ts'
import { CliError, EXIT } from './cli-error.ts'
import { runText } from './run-text.ts'
import { readInput, type Shell } from './shell.ts'

interface SubmitOptions {
  readonly input?: string
  readonly inputFile?: string
  readonly key?: string
  readonly wait?: string
}

interface ListOptions {
  readonly flow?: string
  readonly status?: string
  readonly limit: string
}

export function addRunCommands(program: Command, act: Act): void {
  const run = program.command('run').description('start, show and cancel runs')
  run
    .command('submit <flow>')
    .description('start a run')
    .option('--input <json>', 'its input')
    .option('--input-file <file>', 'its input, from a file; - reads standard input')
    .option('--key <key>', 'idempotency key: the same key and body again give the same run')
    .option('--wait <duration>', 'wait for it to end, e.g. 30s')
    .action(act((shell, flow: string, options: SubmitOptions) => submit(shell, flow, options)))
  run
    .command('show <run-id>')
    .description('show a run with its steps')
    .action(
      act(async (shell, runId: string) => {
        const answer = await shell.api.getRun({ params: { run_id: runId } })
        shell.print(answer, runText(answer))
      }),
    )
  run
    .command('list')
    .description('list runs, newest first')
    .option('--flow <name>', 'runs of this flow')
    .option('--status <status>', 'accepted, running, completed, failed, cancelled or timed_out')
    .option('--limit <n>', 'at most this many', '20')
    .action(act((shell, options: ListOptions) => list(shell, options)))
  run
    .command('cancel <run-id>')
    .description('cancel a run')
    .option('--reason <text>', 'why')
    .action(act((shell, runId: string, { reason }: { readonly reason?: string }) => cancel(shell, runId, reason)))
}

async function submit(shell: Shell, flow: string, options: SubmitOptions): Promise<void> {
  const text = options.inputFile === undefined ? options.input : (await readInput(shell, options.inputFile)).toString()
  const body = JSON.stringify({
    flow,
    input: text === undefined ? {} : parsedInput(text),
    ...(options.key === undefined ? {} : { idempotency_key: options.key }),
  })
  const query = options.wait === undefined ? {} : { wait: options.wait }
  const answer = await shell.api.submitRun({ query, body })
  shell.print(answer, 'steps' in answer ? runText(answer) : `${answer.run_id} ${answer.status}`)
  if ('steps' in answer && answer.status !== 'completed') shell.exitWith(EXIT.failed)
}

function parsedInput(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new CliError(
      EXIT.usage,
      `the input is not JSON: ${(error as Error).message}`,
      `For example: --input '{"n": 1}'`,
    )
  }
}

async function list(shell: Shell, { flow, status, limit }: ListOptions): Promise<void> {
  // as they were given: what is wrong with one of them, the server knows to say
  const query = { limit, flow, status } as unknown as RequestOf<Api['listRuns']>['query'] & object
  const answer = await shell.api.listRuns({ query })
  const lines = answer.runs.map((run) => {
    const at = new Date(run.accepted_at_ms).toISOString()
    return `${run.run_id}  ${run.status.padEnd(9)}  ${at}  ${run.flow} v${run.version}`
  })
  shell.print(answer, lines.join('\n') || 'no runs')
}

async function cancel(shell: Shell, runId: string, reason: string | undefined): Promise<void> {
  const body = reason === undefined ? {} : { reason }
  const answer = await shell.api.cancelRun({ params: { run_id: runId }, body })
  shell.print(answer, `${answer.run_id} ${answer.status}`)
}
