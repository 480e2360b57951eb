/** `beamline blocks`: what steps can do. */
import type { Command } from 'commander'
import type { BlockDescription } from '../http/blocks.ts'
import type { Act } from './cli.ts'
import { type Cell, table } from './look.ts'
import type { Shell } from './shell.ts'

type Brief = Pick<BlockDescription, 'type' | 'pool' | 'summary'>

export function addBlockCommands(program: Command, act: Act): void {
  const blocks = program.command('blocks').description('the types that steps may have')
  blocks.command('list').description('list them').action(act(list))
  blocks
    .command('show <type>')
    .description('show what a block takes and gives, its errors and examples')
    .action(act((shell, type: string) => show(shell, type)))
}

async function list(shell: Shell): Promise<void> {
  const answer = await shell.api.listBlocks()
  const blocks = answer.blocks as readonly Brief[]
  const rows = blocks.map(({ type, pool, summary }): readonly Cell[] => [type, pool, summary])
  const names = blocks.map(({ type }) => type)
  shell.print(answer, table(shell.look, rows), names)
}

async function show(shell: Shell, type: string): Promise<void> {
  const answer = await shell.api.getBlock({ params: { type } })
  shell.print(answer, blockText(answer as unknown as BlockDescription), [type])
}

function blockText(block: BlockDescription): string {
  const { type, version, pool, source, summary } = block
  const notes = [
    ...(block.takes_secrets ? ['takes secret://name'] : []),
    ...(block.pure ? ['is without effect outside'] : []),
    ...(block.any_code ? ['may report codes that its input names'] : []),
  ]
  return [
    `${type}  version ${version}, pool ${pool}, ${source}`,
    summary,
    ...(notes.length === 0 ? [] : [`It ${notes.join(', ')}.`]),
    '',
    'input',
    ...fields(block.input_schema),
    ...(block.output_schema === null ? [] : ['', 'output', ...fields(block.output_schema)]),
    '',
    'errors',
    ...block.errors.map((error) => `  ${error.code} (${error.class})  ${error.meaning}`),
    '',
    'examples',
    ...block.examples.map(({ title, input }) => `  # ${title}\n  ${JSON.stringify({ type, with: input })}`),
  ].join('\n')
}

interface Property {
  readonly type?: unknown
  readonly enum?: readonly unknown[]
  readonly description?: string
}

interface ObjectSchema {
  readonly properties?: { readonly [name: string]: Property }
  readonly required?: readonly string[]
}

function fields(schema: object): string[] {
  const { properties = {}, required = [] } = schema as ObjectSchema
  const lines = Object.entries(properties).map(([name, { type, enum: values, description = '' }]) => {
    const shown = [values ?? type ?? 'any'].flat().join(' or ')
    return `  ${name}  ${shown}${required.includes(name) ? ', required' : ''}  ${description}`
  })
  return lines.length === 0 ? ['  any JSON'] : lines
}
