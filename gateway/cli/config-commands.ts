/** `beamline start` and `beamline config`: commands that need the configuration of a process. */
import { existsSync, readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { inconsistencies } from '../config/consistency.ts'
import { ConfigError, type LoadedConfig, loadConfig } from '../config/load-config.ts'
import { configText, shownSettings } from '../config/show-config.ts'
import type { Act } from './cli.ts'
import { CliError, EXIT } from './cli-error.ts'
import { type Shell, unreadable } from './shell.ts'

const DEFAULT_FILE = 'beamline.yaml'

export interface ConfigOptions {
  readonly config?: string
  readonly host?: string
  readonly port?: string
  readonly data?: string
  readonly roles?: string
  readonly log?: string
  readonly brokers?: string
  readonly set?: readonly string[]
}

/** Flags with a name of their own, and the settings they stand for. */
const FLAGS = {
  host: 'host',
  port: 'port',
  data: 'data',
  roles: 'roles',
  log: 'log',
  brokers: 'kafka.brokers',
} as const

export function addConfigCommands(program: Command, act: Act): void {
  withConfig(program.command('start'))
    .description('start a process: log, tasks, executors and gateway, or the roles you name')
    .action(act((shell, options: ConfigOptions) => start(shell, options)))
  const config = program.command('config').description('look at the configuration')
  withConfig(config.command('show'))
    .description('print every setting with where it came from, and check them; secrets are not printed')
    .action(act((shell, options: ConfigOptions) => show(shell, options)))
}

/** Adds the flags that say how a process is configured. */
export function withConfig(command: Command): Command {
  return command
    .option('--config <file>', `configuration file, default ${DEFAULT_FILE} if it is there, or BEAMLINE_CONFIG`)
    .option('--host <host>', 'address to listen on (host, BEAMLINE_HOST)')
    .option('--port <port>', 'port to listen on (port, BEAMLINE_PORT)')
    .option('--data <folder>', 'data folder (data, BEAMLINE_DATA)')
    .option('--roles <list>', 'tasks,execute:io,execute:cpu,execute:gpu,gateway,read-model; default all')
    .option('--log <kind>', 'embedded or kafka (log, BEAMLINE_LOG)')
    .option('--brokers <list>', 'Kafka brokers, host:port,... (kafka.brokers, BEAMLINE_KAFKA_BROKERS)')
    .option('--set <name=value>', 'any setting, may be repeated; see docs/configuration.md', collect, [])
}

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value]

async function start(shell: Shell, options: ConfigOptions): Promise<void> {
  shell.exitWith(await shell.startNode(configOf(shell, options)))
}

async function show(shell: Shell, options: ConfigOptions): Promise<void> {
  const loaded = loadedConfig(shell, options)
  const settings = shownSettings(loaded)
  const set = settings.filter(({ source }) => source !== 'default').map(({ name }) => name)
  shell.print({ settings }, configText(loaded), set)
  const problems = inconsistencies(loaded.config)
  if (problems.length > 0) throw wrong(new ConfigError(problems))
}

/** The configuration of a process, checked. @throws {CliError} */
export function configOf(shell: Shell, options: ConfigOptions): LoadedConfig {
  const loaded = loadedConfig(shell, options)
  const problems = inconsistencies(loaded.config)
  if (problems.length > 0) throw wrong(new ConfigError(problems))
  return loaded
}

function loadedConfig({ variables }: Shell, options: ConfigOptions): LoadedConfig {
  try {
    return loadConfig({ file: fileOf(options, variables.BEAMLINE_CONFIG), variables, flags: flagsOf(options) })
  } catch (error) {
    throw error instanceof ConfigError ? wrong(error) : error
  }
}

function wrong(error: ConfigError): CliError {
  return new CliError(
    EXIT.usage,
    error.message,
    'All settings are described in docs/configuration.md; `beamline config show` prints those in force.',
  )
}

function fileOf({ config }: ConfigOptions, variable: string | undefined): { name: string; text: string } | null {
  const named = config ?? (variable === '' ? undefined : variable)
  const name = named ?? DEFAULT_FILE
  if (named === undefined && !existsSync(name)) return null
  try {
    return { name, text: readFileSync(name, 'utf8') }
  } catch (error) {
    throw unreadable(name, error)
  }
}

function flagsOf(options: ConfigOptions): { name: string; flag: string; text: string }[] {
  const flags: { name: string; flag: string; text: string }[] = Object.entries(FLAGS).flatMap(([option, name]) => {
    const text = options[option as keyof typeof FLAGS]
    return text === undefined ? [] : [{ name, flag: `--${option}`, text }]
  })
  for (const pair of options.set ?? []) {
    const at = pair.indexOf('=')
    if (at < 1) throw new CliError(EXIT.usage, `--set ${pair} is no setting; expected NAME=VALUE, e.g. --set port=9000`)
    flags.push({ name: pair.slice(0, at), flag: '--set', text: pair.slice(at + 1) })
  }
  return flags
}
