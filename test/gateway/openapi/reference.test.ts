/** `docs/api.md`, and the examples in it. */
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { API } from '../../../gateway/api/index.ts'
import { BYTES_TYPE, type Operation, STREAM_TYPE } from '../../../gateway/api/operation.ts'
import { openApiDocument, TAGS } from '../../../gateway/openapi/document.ts'
import { exampleOf } from '../../../gateway/openapi/examples.ts'
import { apiReference } from '../../../gateway/openapi/reference.ts'
import { read } from '../../docs/documents.ts'
import { openWorld, type World } from '../support.ts'

const operations: readonly (readonly [string, Operation])[] = Object.entries(API)
const follows = ({ answers }: Operation): boolean => Object.values(answers).some(({ type }) => type === STREAM_TYPE)

let world: World
beforeAll(async () => {
  world = await openWorld({ tasks: false })
})
afterAll(() => world.close())

it('docs/api.md is what the routes say of themselves', () => {
  // to bring it up to date: node -e "import('./gateway/openapi/reference.ts').then((m) => process.stdout.write(m.apiReference()))" > docs/api.md
  expect(read('docs/api.md')).toBe(apiReference())
})

it('every route is in it once, under a tag that has a meaning', () => {
  const text = apiReference()
  for (const [, { method, path, tag }] of operations) {
    expect(text.split(`\`${method} ${path}\``), path).toHaveLength(2)
    expect(Object.keys(TAGS)).toContain(tag)
  }
})

const bodies = operations.filter(([, { body }]) => body !== undefined && body.type !== BYTES_TYPE)
it.each(bodies)('the example of %s is what the description takes', (name, operation) => {
  const { components } = openApiDocument(API, '0') as { readonly components: object }
  const ajv = new Ajv2020({ strict: false, validateFormats: false })
  const validate = ajv.compile({ ...operation.body!.schema.json, components })
  for (const line of exampleOf(name, operation).body!.split('\n')) {
    expect(validate(JSON.parse(line)), ajv.errorsText(validate.errors)).toBe(true)
  }
})

// those that change something would wait for tasks, which are not there
const reads = operations.filter(
  ([, each]) =>
    each.method === 'GET' &&
    !follows(each) &&
    !['status', 'workers'].includes(each.tag) &&
    Object.keys(each.answers).length > 0,
)
it.each(reads)('the example of %s is understood', async (name, operation) => {
  const { path, headers } = exampleOf(name, operation)
  const { status, body } = await world.call('GET', path, undefined, headers)
  expect([200, 404], JSON.stringify(body)).toContain(status)
})
