/** `beamline doctor`: is everything here that Beamline needs? */
import type { Command } from 'commander'
import type { LoadedConfig } from '../../config/load-config.ts'
import type { Act } from '../cli.ts'
import { CliError, EXIT } from '../cli-error.ts'
import { type ConfigOptions, configOf, withConfig } from '../config-commands.ts'
import { cleanLines, type Look, type Paint, paint } from '../look.ts'
import type { Shell } from '../shell.ts'
import { checkFolder, checkKafka } from './log-checks.ts'
import { type Check, checkDisk, checkNode, checkPort, checkSync, fail, ok } from './machine.ts'
import { type ProfileOptions, profile } from './profile.ts'

type DoctorOptions = ConfigOptions & Partial<ProfileOptions>

export function addDoctorCommand(program: Command, act: Act): void {
  withConfig(program.command('doctor'))
    .description('check Node, configuration, disk, ports and log, and say what to do; or profile a running process')
    .option('--profile <duration>', 'CPU profile and heap summary of a process that runs on this data folder, e.g. 30s')
    .option('--pid <id>', 'which process, where several run on one data folder')
    .option('--out <file>', 'where to write the profile, by default beamline-PID.cpuprofile')
    .action(act((shell, options: DoctorOptions) => doctor(shell, options)))
}

async function doctor(shell: Shell, options: DoctorOptions): Promise<void> {
  const { profile: length } = options
  if (length !== undefined) {
    return profile(shell, configOf(shell, options).config.data, { ...options, profile: length })
  }
  const checks: Check[] = []
  for await (const check of checksOf(shell, options)) {
    checks.push(check)
    if (!shell.json && !shell.quiet) shell.stdout.write(`${checkText(shell.look, check)}\n`)
  }
  const bad = checks.filter(({ status }) => status === 'fail')
  const verdict = bad.length === 0 ? 'Beamline can run here.' : `Beamline cannot run here: ${bad.length} to be mended.`
  const names = checks.filter(({ status }) => status !== 'ok').map(({ name, status }) => `${status} ${name}`)
  shell.print({ ok: bad.length === 0, checks }, verdict, names)
  if (bad.length > 0) shell.exitWith(EXIT.failed)
}

async function* checksOf(shell: Shell, options: DoctorOptions): AsyncGenerator<Check> {
  yield checkNode(process.version)
  const loaded = configuration(shell, options)
  yield loaded.check
  if (loaded.config === null) return
  const { config } = loaded.config
  yield* await settled('disk', () => checkDisk(config.data))
  yield* await settled('fsync', () => checkSync(config.data, shell))
  if (config.roles.includes('gateway')) yield* await settled('port', () => checkPort('port', config.host, config.port))
  const { health_port: health } = config
  if (health !== null) yield* await settled('health port', () => checkPort('health port', config.host, health))
  if (config.log === 'kafka') yield await checkKafka(shell, loaded.config)
  else yield* await settled('log', () => checkFolder(config.data, shell.inspectFolder(config.data), config))
}

/** Secrets and files that settings name are looked up, too. */
function configuration(
  shell: Shell,
  options: DoctorOptions,
): { readonly check: Check; readonly config: LoadedConfig | null } {
  const next = 'All settings are described in docs/configuration.md; `beamline config show` prints those in force.'
  try {
    const config = configOf(shell, options)
    shell.checkSettings(config)
    const set = Object.values(config.sources).filter((source) => source !== 'default').length
    return {
      check: ok(
        'configuration',
        `${set} ${set === 1 ? 'setting is' : 'settings are'} set, the others have their defaults`,
      ),
      config,
    }
  } catch (error) {
    if (error instanceof CliError && error.exitCode === EXIT.failed) throw error
    return { check: fail('configuration', (error as Error).message, next), config: null }
  }
}

async function settled(name: string, work: () => Check | Promise<Check>): Promise<Check[]> {
  try {
    return [await work()]
  } catch (error) {
    return [fail(name, (error as Error).message, 'The message says what stands in the way.')]
  }
}

const PAINTS: Record<Check['status'], Paint> = { ok: 'green', warn: 'yellow', fail: 'red' }

function checkText(look: Look, { name, status, found, next }: Check): string {
  const head = `${paint(look, PAINTS[status], status.padEnd(4))}  ${name.padEnd(13)}  ${cleanLines(found)}`
  return next === null ? head : `${head}\n${' '.repeat(21)}${next}`
}
