/** `beamline flow` */
import type { Command } from 'commander'
import { stringify } from 'yaml'
import { checkFlow } from '../../schemas/flow/compile.ts'
import { type Problem, Refused } from './api.ts'
import type { Act } from './cli.ts'
import { CliError, EXIT } from './cli-error.ts'
import { numberOf } from './dlq-commands.ts'
import { problemLine } from './flow-problems.ts'
import { addFlowTest } from './flow-test/command.ts'
import { cleanLines, paint, timeText } from './look.ts'
import { readInput, type Shell } from './shell.ts'

export function addFlowCommands(program: Command, act: Act): void {
  const flow = program.command('flow').description('publish and look at flows')
  flow
    .command('publish <file>')
    .description('publish a flow document (YAML or JSON); the same document again changes nothing')
    .action(act((shell, file: string) => publish(shell, file)))
  flow
    .command('check <file>')
    .description('check a flow document without a server')
    .action(act((shell, file: string) => check(shell, file)))
  flow.command('list').description('list the latest versions').action(act(list))
  flow
    .command('show <flow>')
    .description('show a flow as it was published')
    .option('--flow-version <n>', 'instead of the latest')
    .action(act((shell, name: string, options: VersionOption) => show(shell, name, options)))
  flow
    .command('diff <flow>')
    .description('what differs between two versions')
    .option('--from <n>', 'version; by default the one before --to')
    .option('--to <n>', 'version; by default the latest')
    .action(act((shell, name: string, options: DiffOptions) => diff(shell, name, options)))
  flow
    .command('deprecate <flow>')
    .description('let runs that name no version pass one over, or take that back')
    .requiredOption('--flow-version <n>', 'which version')
    .option('--reason <text>', 'why')
    .option('--undo', 'take it back', false)
    .action(act((shell, name: string, options: DeprecateOptions) => deprecate(shell, name, options)))
  addFlowTest(flow, act)
}

interface VersionOption {
  readonly flowVersion?: string
}

interface DiffOptions {
  readonly from?: string
  readonly to?: string
}

interface DeprecateOptions {
  readonly flowVersion: string
  readonly reason?: string
  readonly undo: boolean
}

async function publish(shell: Shell, file: string): Promise<void> {
  const body = await readInput(shell, file)
  const call = shell.api.publishFlow({ body, contentType: 'application/yaml' })
  const answer = await call.catch((error: unknown) => {
    if (shell.json || !(error instanceof Refused) || error.problems.length === 0) throw error
    throw notPublishable(file, error.problems)
  })
  const { flow, version, created } = answer
  shell.print(
    answer,
    created === true ? `published ${flow} version ${version}` : `${flow} version ${version} is this document already`,
    [String(version)],
  )
}

async function check(shell: Shell, file: string): Promise<void> {
  const checked = checkFlow(await readInput(shell, file), await shell.blockTypes?.())
  if (checked.ok) {
    shell.print({ ok: true, flow: checked.name }, `${file}: flow ${checked.name} is fine`, [checked.name])
    return
  }
  if (shell.json) {
    shell.print({ ok: false, problems: checked.problems }, '')
    shell.exitWith(EXIT.failed)
    return
  }
  throw notPublishable(file, checked.problems)
}

function notPublishable(file: string, problems: readonly Problem[]): CliError {
  const lines = problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0)).map((problem) => problemLine(file, problem))
  const count = `${lines.length} problem${lines.length === 1 ? '' : 's'}`
  return new CliError(EXIT.failed, `${file} cannot be published: ${count}\n${lines.join('\n')}`)
}

async function list(shell: Shell): Promise<void> {
  const answer = await shell.api.listFlows()
  const lines = answer.flows.map(({ flow, version, deprecated }) => {
    return `${flow} version ${version}${deprecated === null ? '' : ' (deprecated)'}`
  })
  shell.print(
    answer,
    lines.join('\n') || 'no flows yet',
    answer.flows.map(({ flow }) => flow),
  )
}

async function show(shell: Shell, flow: string, { flowVersion }: VersionOption): Promise<void> {
  const query = flowVersion === undefined ? {} : { version: numberOf('--flow-version', flowVersion) }
  const answer = await shell.api.getFlow({ params: { flow }, query })
  const { version, versions, published_at_ms, published_by, deprecated } = answer
  const by = published_by === null ? '' : ` by ${published_by}`
  const about = [
    `# ${flow} version ${version} of ${versions.at(-1)}, published ${timeText(published_at_ms)}${by}`,
    ...(deprecated === null ? [] : [`# deprecated${deprecated.reason === null ? '' : `: ${deprecated.reason}`}`]),
  ]
  const document = stringify(answer.document, { lineWidth: 120 }).trimEnd()
  shell.print(answer, cleanLines([...about, document].join('\n')), [String(version)])
}

const DIFF_PAINTS = { '+': 'green', '-': 'red', '@': 'cyan' } as const

async function diff(shell: Shell, flow: string, { from, to }: DiffOptions): Promise<void> {
  const query = {
    ...(from === undefined ? {} : { from: numberOf('--from', from) }),
    ...(to === undefined ? {} : { to: numberOf('--to', to) }),
  }
  const answer = await shell.api.diffFlow({ params: { flow }, query })
  const lines = cleanLines(answer.text.trimEnd()).split('\n')
  const painted = lines.map((line) => paint(shell.look, DIFF_PAINTS[line[0] as '+'] ?? null, line)).join('\n')
  const alone = answer.from === answer.to && from === undefined
  const same = alone
    ? `${flow} has version ${answer.to} alone so far; there is nothing to compare it with`
    : `versions ${answer.from} and ${answer.to} of ${flow} do not differ`
  shell.print(
    answer,
    answer.text === '' ? same : painted,
    answer.changes.map(({ path }) => path),
  )
}

async function deprecate(shell: Shell, flow: string, { flowVersion, reason, undo }: DeprecateOptions): Promise<void> {
  const params = { flow, version: String(numberOf('--flow-version', flowVersion)) }
  const body = { deprecated: !undo, ...(reason === undefined ? {} : { reason }) }
  const answer = await shell.api.deprecateFlow({ params, body })
  const means = undo
    ? 'is no longer deprecated'
    : 'is deprecated: runs that name no version get the latest other one, or are refused where there is none'
  shell.print(answer, `${flow} version ${params.version} ${means}`, [String(answer.version)])
}
