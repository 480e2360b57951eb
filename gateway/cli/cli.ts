/** The `beamline` command. */
import { Command, CommanderError } from 'commander'
import { addBackupCommands } from './backup-commands.ts'
import { addBlobCommands } from './blob-commands.ts'
import { addBlockCommands } from './block-commands.ts'
import { CliError, EXIT, EXIT_HELP } from './cli-error.ts'
import { addCompletionCommand } from './completion.ts'
import { addConfigCommands } from './config-commands.ts'
import type { CliDependencies } from './dependencies.ts'
import { addDlqCommands } from './dlq-commands.ts'
import { addDoctorCommand } from './doctor/command.ts'
import { addExamples } from './examples.ts'
import { addFlowCommands } from './flow-commands.ts'
import { addLocalCommands } from './local-commands.ts'
import { addOperationCommands } from './operation-commands.ts'
import { addRunCommands } from './run-commands.ts'
import { type Shell, shellFor } from './shell.ts'
import { addTenantCommands } from './tenant-commands.ts'
import { addTopicCommands } from './topic-commands.ts'
import { addTopicsCommands } from './topics-commands.ts'

/** Makes a command's action out of a function that gets a shell, then what the command line gave. */
export type Act = <A extends unknown[]>(
  work: (shell: Shell, ...args: A) => Promise<void>,
) => (...args: [...A, ...unknown[]]) => Promise<void>

/** Runs one command; `args` are those after the program's name. Resolves with the exit code and never rejects for a mistake of the user. */
export async function runCli(args: readonly string[], dependencies: CliDependencies): Promise<number> {
  let exitCode: number = EXIT.ok
  const exitWith = (code: number): void => {
    exitCode = code
  }
  const program = buildCli(dependencies, exitWith, args)
  try {
    await program.parseAsync(args, { from: 'user' })
    return exitCode
  } catch (error) {
    return failed(error, args.includes('--json'), dependencies)
  }
}

const MISPLACED_VERSION = '--version prints the version of beamline, before any command; a flow’s is --flow-version'

function namesCommand({ commands }: Command, args: readonly string[]): boolean {
  const end = args.findIndex((word) => word === '--version' || word === '-V')
  const names = new Set(commands.map((command) => command.name()))
  return args.slice(0, Math.max(0, end)).some((word) => names.has(word))
}

/** `exitWith` is told the exit code of a command that went through; `args` are those that will be parsed. */
export function buildCli(
  dependencies: CliDependencies,
  exitWith: (code: number) => void,
  args: readonly string[] = [],
): Command {
  const { stdout, stderr, version } = dependencies
  const program = new Command('beamline')
    .description('Durable workflows on a log.')
    // Commander takes it for the program's own wherever it stands, and would not run the command, without a word.
    .on('option:version', () => {
      if (namesCommand(program, args)) program.error(`error: ${MISPLACED_VERSION}`)
    })
    .version(version)
    .option('--url <address>', 'server, default http://127.0.0.1:8080 or BEAMLINE_URL')
    .option('--tenant <id>', "tenant, default BEAMLINE_TENANT, else the server's default")
    .option('--json', 'print JSON')
    .option('-q, --quiet', 'print only ids, names or counts, one a line')
    .addHelpText('after', EXIT_HELP)
    .exitOverride()
    .configureOutput({ writeOut: (text) => void stdout.write(text), writeErr: (text) => void stderr.write(text) })
    .showHelpAfterError('(add --help for what is possible)')
  const act: Act = (work) => {
    const run = work as (shell: Shell, ...args: unknown[]) => Promise<void>
    // Commander passes the command itself last.
    return (...args) => run(shellFor(args.at(-1) as Command, dependencies, exitWith), ...args)
  }
  addConfigCommands(program, act)
  addLocalCommands(program, act)
  addBackupCommands(program, act)
  addDoctorCommand(program, act)
  addFlowCommands(program, act)
  addBlockCommands(program, act)
  addBlobCommands(program, act)
  addRunCommands(program, act)
  addDlqCommands(program, act)
  addOperationCommands(program, act)
  addTopicCommands(program, act)
  addTenantCommands(program, act)
  addTopicsCommands(program, act)
  addCompletionCommand(program, act)
  addExamples(program)
  return program
}

function failed(error: unknown, json: boolean, { stderr }: CliDependencies): number {
  // Commander has said what is wrong; help and version end like this too, with 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  if (!(error instanceof CliError)) {
    const { code, message } = error as { readonly code?: unknown; readonly message?: string }
    stderr.write(`${json ? JSON.stringify({ ok: false, error: { code, message } }) : `error: ${message}`}\n`)
    return EXIT.failed
  }
  const { message, hint, exitCode } = error
  if (json) stderr.write(`${JSON.stringify({ ok: false, error: { message, hint } })}\n`)
  else stderr.write(`error: ${message}\n${hint === null ? '' : `${hint}\n`}`)
  return exitCode
}
