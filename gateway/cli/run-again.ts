/** `beamline run retry` and `run rerun` */
import type { Command } from 'commander'
import type { Act } from './cli.ts'
import { CliError, EXIT } from './cli-error.ts'
import { jsonOf, type Shell } from './shell.ts'

interface RetryOptions {
  readonly patch?: string
  readonly reason?: string
}

interface RerunOptions {
  readonly input?: string
  readonly patch?: string
  readonly flowVersion?: string
  readonly key?: string
}

export function addAgainCommands(run: Command, act: Act): void {
  run
    .command('retry <run-id>')
    .description(
      'go on with a failed run where it failed, as a new run; asked again with the same patch it is the same new run',
    )
    .option('--patch <json>', 'JSON merge patch for the input')
    .option('--reason <text>', 'why')
    .action(act((shell, runId: string, options: RetryOptions) => retry(shell, runId, options)))
  run
    .command('rerun <run-id>')
    .description('run the whole again as a new run, with the same input or another one')
    .option('--input <json>', 'instead of the same input')
    .option('--patch <json>', 'JSON merge patch for the same input')
    .option('--flow-version <n>', 'another version of the flow, or latest')
    .option('--key <key>', 'idempotency key: the same key again gives the same run')
    .action(act((shell, runId: string, options: RerunOptions) => rerun(shell, runId, options)))
}

async function retry(shell: Shell, runId: string, { patch, reason }: RetryOptions): Promise<void> {
  const body = JSON.stringify({
    ...(patch === undefined ? {} : { patch: jsonOf('patch', patch) }),
    ...(reason === undefined ? {} : { reason }),
  })
  const answer = await shell.api.retryRun({ params: { run_id: runId }, body })
  shell.print(answer, `${answer.run_id} goes on with ${answer.retry_of}`, [answer.run_id])
}

async function rerun(shell: Shell, runId: string, options: RerunOptions): Promise<void> {
  const { input, patch, flowVersion, key } = options
  const body = JSON.stringify({
    ...(input === undefined ? {} : { input: jsonOf('input', input) }),
    ...(patch === undefined ? {} : { patch: jsonOf('patch', patch) }),
    ...(flowVersion === undefined ? {} : { version: versionOf(flowVersion) }),
  })
  const headers = key === undefined ? {} : { 'Idempotency-Key': key }
  const answer = await shell.api.rerunRun({ params: { run_id: runId }, headers, body })
  shell.print(answer, `${answer.run_id} ${answer.status}`, [answer.run_id])
}

function versionOf(text: string): number | 'latest' {
  if (text === 'latest') return text
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new CliError(EXIT.usage, `--flow-version is '${text}'; expected a number from 1, or latest`)
}
