/** Renders `docs/blocks.md` from the blocks themselves. */
import { type Block, type BlockErrorDef, COMMON_ERRORS } from '../block.ts'

interface Property {
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly default?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly description?: string
}

interface ObjectSchema {
  readonly properties?: { readonly [name: string]: Property }
  readonly required?: readonly string[]
}

export function blockReference(blocks: readonly Block[]): string {
  const index = blocks.map(
    (block) => `| [\`${block.type}\`](#${anchor(block.type)}) | ${block.pool} | ${block.summary} |`,
  )
  return [
    '# Blocks',
    'The types a step may have. This file is generated from the blocks; a test keeps it up to date.',
    ['| type | pool | what it does |', '|---|---|---|', ...index].join('\n'),
    '## Errors of every block',
    errorTable(COMMON_ERRORS),
    ...blocks.flatMap(section),
    '',
  ].join('\n\n')
}

/** As GitHub makes them from headings. */
function anchor(type: string): string {
  return type.replaceAll('.', '')
}

function section(block: Block): string[] {
  const secrets = block.takesSecrets === true ? ' Takes `secret://name`.' : ''
  return [
    `## ${block.type}`,
    `${block.summary} Pool \`${block.pool}\`, version ${block.version}.${secrets}`,
    inputTable(block.inputSchema as ObjectSchema),
    ...outputTable(block.outputSchema as ObjectSchema | undefined),
    `Example: \`${JSON.stringify(block.example)}\``,
    ...(block.examples ?? []).map(({ title, input }) => `${title}: \`${JSON.stringify(input)}\``),
    ...(block.errors.length === 0 ? ['It has no errors of its own.'] : [errorTable(block.errors)]),
    ...(block.anyCode === true ? ['It may also report any code that its input names.'] : []),
  ]
}

function inputTable(schema: ObjectSchema): string {
  const rows = Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const need = schema.required?.includes(name) === true ? 'required' : defaultOf(property)
    return `| \`${name}\` | ${typeOf(property)} | ${need} | ${property.description ?? ''} |`
  })
  if (rows.length === 0) return 'Input: any JSON.'
  return ['| input | type | default | meaning |', '|---|---|---|---|', ...rows].join('\n')
}

function outputTable(schema: ObjectSchema | undefined): string[] {
  const rows = Object.entries(schema?.properties ?? {}).map(([name, property]) => {
    return `| \`${name}\` | ${typeOf(property)} | ${property.description ?? ''} |`
  })
  return rows.length === 0 ? [] : [['| output | type | meaning |', '|---|---|---|', ...rows].join('\n')]
}

function errorTable(errors: readonly BlockErrorDef[]): string {
  const rows = errors.map((error) => `| \`${error.code}\` | ${error.class} | ${error.meaning} |`)
  return ['| code | class | meaning |', '|---|---|---|', ...rows].join('\n')
}

function typeOf(property: Property): string {
  if (property.enum !== undefined) return property.enum.map((value) => `\`${value}\``).join(', ')
  const type = property.type === undefined ? 'any' : [property.type].flat().join(' or ')
  if (property.minimum === undefined) return type
  return property.maximum === undefined
    ? `${type}, from ${property.minimum}`
    : `${type}, ${property.minimum} to ${property.maximum}`
}

function defaultOf(property: Property): string {
  return property.default === undefined ? '' : `\`${JSON.stringify(property.default)}\``
}
