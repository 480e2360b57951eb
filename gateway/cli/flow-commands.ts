/** `beamline flow` */
import type { Command } from 'commander'
import { checkFlow } from '../../schemas/flow/compile.ts'
import { type Problem, Refused } from './api.ts'
import type { Act } from './cli.ts'
import { CliError, EXIT } from './cli-error.ts'
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
  )
}

async function check(shell: Shell, file: string): Promise<void> {
  const checked = checkFlow(await readInput(shell, file))
  if (checked.ok) {
    shell.print({ ok: true, flow: checked.name }, `${file}: flow ${checked.name} is fine`)
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

/** `file:line:column path: message`, which editors can follow. */
function problemLine(file: string, { line, column, path = '', message }: Problem): string {
  const place = line === undefined ? `${file}:` : `${file}:${line}:${column ?? 1}${path === '' ? ':' : ''}`
  return `${place} ${path === '' ? '' : `${path}: `}${message}`
}

async function list(shell: Shell): Promise<void> {
  const answer = await shell.api.listFlows()
  shell.print(
    answer,
    answer.flows.map(({ flow, version }) => `${flow} version ${version}`).join('\n') || 'no flows yet',
  )
}
