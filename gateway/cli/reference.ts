/** Renders `docs/cli.md` from the commands themselves. */
import type { Command, Option } from 'commander'
import { buildCli } from './cli.ts'
import { EXIT_MEANINGS } from './cli-error.ts'
import type { CliDependencies } from './dependencies.ts'
import { EXAMPLES, leavesOf, pathOf } from './examples.ts'

const INTRODUCTION = `# Command line

This file is generated from the commands (\`gateway/cli/\`); a test keeps it up to date.

\`beamline --help\` lists the commands, \`beamline COMMAND --help\` says what one takes, with an example. In a checkout it is \`npx beamline\`.

- Commands that need a server ask the one at \`--url\`, else \`BEAMLINE_URL\`, else http://127.0.0.1:8080; \`--tenant\` or \`BEAMLINE_TENANT\` says for whom.
- \`--json\` prints what the server answered as one line of JSON (commands that follow something: a line each). Errors are JSON on standard error then.
- \`--quiet\` prints only ids, names or counts, one a line, for scripts: \`beamline run list --status running -q | xargs -n 1 beamline run cancel\`.
- Results go to standard output, everything else to standard error. Colours are for terminals only; \`NO_COLOR=1\` takes them away, \`FORCE_COLOR=1\` gives them to pipes too. Lines end where
  the terminal does; in a pipe they are whole.
- An error says what was found and, on a line of its own, what to do next.`

export function cliReference(): string {
  const nothing = { write: () => {} }
  // nothing is run, so nothing else is asked for
  const dependencies = { version: '0', stdout: nothing, stderr: nothing } as unknown as CliDependencies
  const program = buildCli(dependencies, () => {})
  const sections = leavesOf(program).map(section)
  return `${[INTRODUCTION, exitCodes(), '## Options of every command', table(program.options), ...sections].join('\n\n')}\n`
}

function exitCodes(): string {
  const rows = EXIT_MEANINGS.map(([code, meaning]) => `| ${code} | ${meaning} |`)
  return ['## Exit codes', '', '| code | meaning |', '|---|---|', ...rows].join('\n')
}

function section(command: Command): string {
  const path = pathOf(command)
  const usage = ['beamline', path, command.usage().replace('[options] ', '').replace('[options]', '')].join(' ').trim()
  const examples = EXAMPLES[path] ?? []
  const options = command.options.filter(({ hidden }) => !hidden)
  const parts = [
    `## \`${usage}\``,
    `${upper(command.description())}.`,
    ...argumentsOf(command),
    ...(options.length === 0 ? [] : [table(options)]),
    ...(examples.length === 0 ? [] : [`\`\`\`console\n${examples.map((line) => `$ ${line}`).join('\n')}\n\`\`\``]),
  ]
  return parts.join('\n\n')
}

const upper = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

function argumentsOf(command: Command): string[] {
  const described = command.registeredArguments.filter(({ description }) => description !== '')
  return described.map((argument) => {
    const choices = argument.argChoices === undefined ? '' : ` (${argument.argChoices.join(', ')})`
    return `\`${argument.name()}\`: ${argument.description}${choices}.`
  })
}

function table(options: readonly Option[]): string {
  const rows = options.map((option) => {
    const { flags, description, envVar, defaultValue, defaultValueDescription } = option
    const shown = defaultValueDescription ?? (isShown(defaultValue) ? String(defaultValue) : null)
    const notes = [
      ...(envVar === undefined ? [] : [`\`${envVar}\``]),
      ...(shown === null ? [] : [`default \`${shown}\``]),
      ...(option.mandatory ? ['required'] : []),
    ]
    const text = escaped(description)
    return `| \`${escaped(flags)}\` | ${text}${notes.length === 0 ? '' : ` (${notes.join(', ')})`} |`
  })
  return ['| option | meaning |', '|---|---|', ...rows].join('\n')
}

const isShown = (value: unknown): boolean => typeof value === 'string' || typeof value === 'number'

const escaped = (text: string): string => text.replaceAll('|', '\\|')
