/** `/api/v1/blocks`, and the older registry's addresses of the same. */
import { json, operation } from './operation.ts'
import { anything, boolean, choice, integer, list, named, nullable, object, text } from './schema.ts'

const tag = 'blocks'
const type = text('Type of the block, as in a step of a flow.')

const brief = {
  type,
  version: integer('Of the block.', 1),
  pool: text('Where it runs.'),
  source: choice('Whether it comes with this version or from a module of the operator.', ['built-in', 'custom']),
  summary: text('What it does.'),
  takes_secrets: boolean('Its input may name secrets.'),
  pure: boolean('It has no effect outside.'),
}

const block = named(
  'Block',
  object({
    ...brief,
    input_schema: anything('JSON Schema of its input.'),
    output_schema: nullable(anything('JSON Schema of its output.')),
    errors: list(
      object({ code: text('Code.'), class: text('Whether it is tried again.'), meaning: text('What it says.') }),
    ),
    any_code: boolean('It may also report codes that its input names.'),
    examples: list(object({ title: text('Title.'), input: anything('Input.') })),
  }),
)

const listAt = (path: string) =>
  operation({
    method: 'GET',
    path,
    tag,
    summary: 'List blocks',
    answers: { 200: json(object({ blocks: list(object(brief)) }), 'Without schemas, errors and examples.') },
    errors: ['invalid_request'],
  })
const getAt = (path: string) =>
  operation({
    method: 'GET',
    path: `${path}/:type`,
    tag,
    summary: 'Show a block',
    params: { type },
    answers: { 200: json(block, 'The block.') },
    errors: ['invalid_request', 'not_found'],
  })
const versionAt = (path: string) =>
  operation({
    method: 'GET',
    path: `${path}/:type/:version`,
    tag,
    summary: 'Show a version of a block',
    params: { type, version: integer('Version.', 1) },
    answers: { 200: json(block, 'The block.') },
    errors: ['invalid_request', 'not_found'],
  })

export const listBlocks = listAt('/api/v1/blocks')
export const getBlock = getAt('/api/v1/blocks')
export const getBlockVersion = versionAt('/api/v1/blocks')
export const listBlocksOlder = listAt('/api/v1/registry/blocks')
export const getBlockOlder = getAt('/api/v1/registry/blocks')
export const getBlockVersionOlder = versionAt('/api/v1/registry/blocks')
