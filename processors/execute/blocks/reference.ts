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

interface InputSchema {
  readonly properties?: { readonly [name: string]: Property }
  readonly required?: readonly string[]
}

export function blockReference(blocks: readonly Block[]): string {
  const index = blocks.map((block) => `| [\`${block.type}\`](#${block.type}) | ${block.pool} | ${block.summary} |`)
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

function section(block: Block): string[] {
  const schema = block.inputSchema as InputSchema
  const properties = Object.entries(schema.properties ?? {})
  const rows = properties.map(([name, property]) => {
    const need = schema.required?.includes(name) === true ? 'required' : defaultOf(property)
    return `| \`${name}\` | ${typeOf(property)} | ${need} | ${property.description ?? ''} |`
  })
  const input =
    rows.length === 0
      ? 'Input: any JSON.'
      : ['| input | type | default | meaning |', '|---|---|---|---|', ...rows].join('\n')
  const anyCode = block.anyCode === true ? ['It may also report any code that its input names.'] : []
  return [
    `## ${block.type}`,
    `${block.summary} Pool \`${block.pool}\`, version ${block.version}.`,
    input,
    `Example: \`${JSON.stringify(block.example)}\``,
    ...(block.errors.length === 0 ? ['It has no errors of its own.'] : [errorTable(block.errors)]),
    ...anyCode,
  ]
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
