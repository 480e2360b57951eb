/** `beamline topics`: the topics of a deployment on Kafka. */
import type { Command } from 'commander'
import type { TopicsReport } from '../../topology/log/topics-report.ts'
import type { Act } from './cli.ts'
import { CliError, EXIT } from './cli-error.ts'
import { type ConfigOptions, configOf, withConfig } from './config-commands.ts'
import { counted } from './look.ts'
import type { Shell } from './shell.ts'

interface TopicsOptions extends ConfigOptions {
  readonly create: boolean
}

export function addTopicsCommands(program: Command, act: Act): void {
  const topics = program.command('topics').description('the topics of a deployment on Kafka')
  const add = (name: string, description: string, apply: boolean): void => {
    withConfig(topics.command(name))
      .option('--no-create', 'topics are created by somebody else: only settings are changed')
      .description(description)
      .action(act((shell, options: TopicsOptions) => manage(shell, options, apply)))
  }
  add('plan', 'print what would be created and changed; changes nothing', false)
  add('apply', 'create topics and change settings; does nothing at all if something would lose data', true)
}

async function manage(shell: Shell, options: TopicsOptions, apply: boolean): Promise<void> {
  const loaded = configOf(shell, { ...options, log: 'kafka' })
  const report = await shell.manageTopics(loaded, { apply, create: options.create }).catch((error: unknown) => {
    throw new CliError(EXIT.failed, (error as Error).message)
  })
  shell.print(
    report,
    reportText(report, apply),
    report.steps.map(({ topic }) => topic),
  )
  const refused = report.steps.some(({ kind }) => kind === 'refuse')
  if (refused || (apply && !report.ready)) shell.exitWith(EXIT.failed)
}

function reportText({ deployment, steps, applied, ready }: TopicsReport, apply: boolean): string {
  const found =
    deployment === null
      ? 'no deployment yet'
      : `deployment '${deployment.name}' (${deployment.id}), ${counted(deployment.partitions, 'partition')}`
  return [found, ...steps.map(({ text }) => text), outcome({ steps, applied, ready }, apply)].join('\n')
}

function outcome({ steps, applied, ready }: Pick<TopicsReport, 'steps' | 'applied' | 'ready'>, apply: boolean): string {
  if (steps.some(({ kind }) => kind === 'refuse')) return 'NOT OK: something is refused, nothing was changed'
  if (ready) return applied && steps.length > 0 ? 'done' : 'nothing has to be done'
  if (apply) return 'NOT OK: topics are missing'
  return 'run `beamline topics apply` to do this, or have it done'
}
