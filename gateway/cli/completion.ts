/** `beamline completion`: scripts for shells, and the answers that they ask for while somebody types. */
import { Argument, type Command } from 'commander'
import { TOPICS } from '../../schemas/topics.ts'
import { RUN_STATUSES } from '../../topology/read-model/port.ts'
import type { Act } from './cli.ts'
import type { Shell } from './shell.ts'

const SHELLS = ['bash', 'zsh', 'fish'] as const
type ShellName = (typeof SHELLS)[number]

/** Asked by the scripts; not in the help. */
export const COMPLETE_COMMAND = '__complete'
const ANSWER_WITHIN_MS = 1_500
const MAX_NAMES = 100

export function addCompletionCommand(program: Command, act: Act): void {
  program
    .command('completion')
    .description('print a script that completes commands, options and names in a shell')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .action(act(async (shell, name: ShellName) => void shell.stdout.write(SCRIPTS[name])))
  program
    .command(`${COMPLETE_COMMAND} [words...]`, { hidden: true })
    .action(act((shell, words: readonly string[]) => answer(shell, program, words)))
}

/** Where nothing is printed, shells fall back to the names of files. */
async function answer(shell: Shell, program: Command, words: readonly string[]): Promise<void> {
  const wanted = wantedAt(program, words)
  const typed = words.at(-1) ?? ''
  const names = Array.isArray(wanted) ? wanted : await namesOf(shell, wanted as Dynamic).catch(() => [])
  const fitting = names.filter((name) => name.startsWith(typed)).slice(0, MAX_NAMES)
  for (const name of fitting) shell.stdout.write(`${name}\n`)
}

type Dynamic = 'flow' | 'run' | 'letter' | 'operation' | 'tenant' | 'block' | 'file'

/** By the name of an argument or an option. */
const KINDS: { readonly [name: string]: Dynamic | readonly string[] } = {
  flow: 'flow',
  'run-id': 'run',
  'letter-id': 'letter',
  'operation-id': 'operation',
  tenant: 'tenant',
  type: 'block',
  topic: TOPICS,
  status: [...RUN_STATUSES, 'open', 'replayed', 'discarded'],
  shell: SHELLS,
  pool: ['cpu', 'io', 'gpu', 'external'],
  log: ['embedded', 'kafka'],
  action: ['cancel', 'retry', 'rerun', 'replay', 'discard'],
  outcome: ['done', 'skipped', 'failed'],
}

/** What may stand at the last of the words. */
function wantedAt(program: Command, words: readonly string[]): readonly string[] | Dynamic {
  let command = program
  let operands = 0
  let before: string | null = null
  for (const word of words.slice(0, -1)) {
    const takesValue = before !== null
    before = null
    if (takesValue) continue
    const option = word.startsWith('-') ? optionOf(command, word) : undefined
    if (option !== undefined) before = option.required || option.optional ? option.name : null
    else if (!word.startsWith('-')) {
      const next = command.commands.find((candidate) => candidate.name() === word)
      if (next === undefined) operands += 1
      else command = next
    }
  }
  if (before !== null) return KINDS[before] ?? 'file'
  if ((words.at(-1) ?? '').startsWith('-')) return optionsOf(command)
  if (command.commands.length > 0) return visible(command).map((candidate) => candidate.name())
  const { registeredArguments } = command
  const argument = registeredArguments[operands] ?? registeredArguments.findLast(({ variadic }) => variadic)
  return argument === undefined ? [] : (KINDS[argument.name()] ?? 'file')
}

const visible = (command: Command): readonly Command[] => command.createHelp().visibleCommands(command)

interface FoundOption {
  readonly name: string
  readonly required: boolean
  readonly optional: boolean
}

function optionOf(command: Command, word: string): FoundOption | undefined {
  for (let at: Command | null = command; at !== null; at = at.parent) {
    const option = at.options.find((candidate) => candidate.long === word || candidate.short === word)
    if (option !== undefined) return { name: option.name(), required: option.required, optional: option.optional }
  }
  return undefined
}

function optionsOf(command: Command): readonly string[] {
  const own = [...command.options, ...(command.parent === null ? [] : rootOf(command).options)]
  const names = own.filter(({ hidden }) => !hidden).flatMap(({ long }) => long ?? [])
  return [...new Set([...names, '--help'])]
}

function rootOf(command: Command): Command {
  return command.parent === null ? command : rootOf(command.parent)
}

/** Of the server; it is not waited for when it is slow. */
async function namesOf({ api, environment }: Shell, kind: Dynamic): Promise<readonly string[]> {
  const late = new AbortController()
  const cancel = environment.after(ANSWER_WITHIN_MS, () => late.abort())
  const { signal } = late
  try {
    switch (kind) {
      case 'flow':
        return (await api.listFlows({ signal })).flows.map(({ flow }) => flow)
      case 'run':
        return (await api.listRuns({ query: { limit: MAX_NAMES }, signal })).runs.map(({ run_id }) => run_id)
      case 'letter': {
        const query = { status: 'open', limit: MAX_NAMES } as const
        return (await api.listLetters({ query, signal })).letters.map(({ letter_id }) => letter_id)
      }
      case 'operation': {
        const { operations } = await api.listOperations({ query: { limit: MAX_NAMES }, signal })
        return operations.map(({ operation_id }) => operation_id)
      }
      case 'tenant':
        return (await api.listTenants({ query: { limit: MAX_NAMES }, signal })).tenants.map(
          ({ tenant_id }) => tenant_id,
        )
      case 'block':
        return ((await api.listBlocks({ signal })).blocks as readonly { readonly type: string }[]).map(
          ({ type }) => type,
        )
      case 'file':
        return []
    }
  } finally {
    cancel()
  }
}

const SCRIPTS: Record<ShellName, string> = {
  bash: `# bash completion for beamline. Load it with: source <(beamline completion bash)
_beamline() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    [ -n "$line" ] && COMPREPLY+=("$line")
  done < <("\${COMP_WORDS[0]}" ${COMPLETE_COMMAND} -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _beamline beamline
`,
  zsh: `#compdef beamline
# zsh completion for beamline. Load it with: source <(beamline completion zsh)
_beamline() {
  local -a names
  names=(\${(f)"$("\${words[1]}" ${COMPLETE_COMMAND} -- "\${(@)words[2,CURRENT]}" 2>/dev/null)"})
  if (( \${#names} )); then
    compadd -- "\${names[@]}"
  else
    _files
  fi
}
compdef _beamline beamline
`,
  fish: `# fish completion for beamline. Load it with: beamline completion fish | source
function __beamline_complete
    set -l words (commandline -opc) (commandline -ct)
    beamline ${COMPLETE_COMMAND} -- $words[2..-1] 2>/dev/null
end
complete -c beamline -a '(__beamline_complete)'
`,
}
