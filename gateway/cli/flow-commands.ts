/** `beamline flow` */
import type { Command } from 'commander'
import { checkFlow } from '../../schemas/flow/compile.ts'
import type { FlowProblem } from '../../schemas/flow/model.ts'
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
  const answer = await shell.api.call('POST', '/api/v1/flows', { body, contentType: 'application/yaml' })
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
  const lines = checked.problems.map((problem) => problemLine(file, problem))
  throw new CliError(EXIT.failed, `${lines.join('\n')}\n${lines.length} problem${lines.length === 1 ? '' : 's'}`)
}

/** `file:line:column path: message`, which editors can follow. */
function problemLine(file: string, { line, column, path, message }: FlowProblem): string {
  const place = line === undefined ? file : `${file}:${line}:${column ?? 1}`
  return `${place} ${path === '' ? '' : `${path}: `}${message}`
}

async function list(shell: Shell): Promise<void> {
  const answer = await shell.api.call('GET', '/api/v1/flows')
  const flows = answer.flows as readonly { readonly flow: string; readonly version: number }[]
  shell.print(answer, flows.map(({ flow, version }) => `${flow} version ${version}`).join('\n') || 'no flows yet')
}
