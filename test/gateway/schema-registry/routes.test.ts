import { type FastifyInstance, fastify } from 'fastify'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { realEnvironment } from '../../../connectors/environment.ts'
import { openMemoryLog } from '../../../connectors/log-memory/memory-log.ts'
import { createMemoryStorage } from '../../../connectors/log-memory/storage.ts'
import { createSchemaRegistry, type SchemaRegistryHandle } from '../../../connectors/schema-registry/create.ts'
import { registerSchemaRegistry } from '../../../gateway/schema-registry/routes.ts'
import { FIRST_REGISTERED_ID } from '../../../schemas/codec/wire.ts'
import { openWorld } from '../support.ts'

let app: FastifyInstance
let registry: SchemaRegistryHandle

beforeEach(() => {
  const log = openMemoryLog(createMemoryStorage(2), realEnvironment)
  registry = createSchemaRegistry({ kind: 'built-in', log, environment: realEnvironment, topicPrefix: '' })
  app = fastify()
  registerSchemaRegistry(app, registry.subjects!)
})
afterEach(async () => {
  await app.close()
  await registry.close()
})

async function call(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown) {
  const response = await app.inject({
    method,
    url: `/schema-registry${path}`,
    headers: body === undefined ? {} : { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  expect(response.headers['content-type']).toBe('application/vnd.schemaregistry.v1+json')
  return [response.statusCode, response.json()]
}

const INT = { schema: '"int"' }
const LONG = { schema: '"long"', schemaType: 'AVRO' }
const STRING = { schema: '"string"' }
const FIRST = FIRST_REGISTERED_ID

describe('the routes of the schema registry', () => {
  it('register and find schemas', async () => {
    expect(await call('POST', '/subjects/a/versions', INT)).toEqual([200, { id: FIRST }])
    expect(await call('POST', '/subjects/a/versions', LONG)).toEqual([200, { id: FIRST + 1 }])
    expect(await call('POST', '/subjects/a', LONG)).toEqual([
      200,
      { subject: 'a', version: 2, id: FIRST + 1, schema: '"long"' },
    ])
    const found: [string, unknown][] = [
      ['', {}],
      ['/subjects', ['a']],
      ['/subjects/a/versions', [1, 2]],
      ['/subjects/a/versions/1', { subject: 'a', version: 1, id: FIRST, schema: '"int"' }],
      ['/subjects/a/versions/latest', { subject: 'a', version: 2, id: FIRST + 1, schema: '"long"' }],
      ['/subjects/a/versions/-1', { subject: 'a', version: 2, id: FIRST + 1, schema: '"long"' }],
      ['/subjects/a/versions/2/schema', 'long'],
      [`/schemas/ids/${FIRST}`, { schema: '"int"' }],
      [`/schemas/ids/${FIRST}/schema`, 'int'],
      [`/schemas/ids/${FIRST}/subjects`, ['a']],
      [`/schemas/ids/${FIRST}/versions`, [{ subject: 'a', version: 1 }]],
      ['/schemas/types', ['AVRO']],
      ['/mode', { mode: 'READWRITE' }],
    ]
    for (const [path, body] of found) expect(await call('GET', path)).toEqual([200, body])
  })

  it('check and set compatibility', async () => {
    await call('POST', '/subjects/a/versions', INT)
    const check = '/compatibility/subjects/a/versions'
    expect(await call('POST', `${check}/latest`, LONG)).toEqual([200, { is_compatible: true, messages: [] }])
    expect(await call('POST', check, STRING)).toEqual([
      200,
      { is_compatible: false, messages: [expect.stringContaining('the new schema cannot read version 1')] },
    ])
    expect(await call('POST', '/subjects/a/versions', STRING)).toEqual([
      409,
      { error_code: 409, message: expect.stringContaining("the schema does not fit subject 'a' (BACKWARD)") },
    ])
    expect(await call('GET', '/config')).toEqual([200, { compatibilityLevel: 'BACKWARD' }])
    expect(await call('GET', '/config/a?defaultToGlobal=true')).toEqual([200, { compatibilityLevel: 'BACKWARD' }])
    expect(await call('PUT', '/config/a', { compatibility: 'none' })).toEqual([200, { compatibility: 'NONE' }])
    expect(await call('GET', '/config/a')).toEqual([200, { compatibilityLevel: 'NONE' }])
    expect(await call('POST', '/subjects/a/versions', STRING)).toEqual([200, { id: FIRST + 1 }])
    expect(await call('PUT', '/config', { compatibility: 'FULL' })).toEqual([200, { compatibility: 'FULL' }])
  })

  it.each<['GET' | 'POST' | 'PUT' | 'DELETE', string, unknown, number, number, string]>([
    ['GET', '/subjects/no/versions', undefined, 404, 40401, "there is no subject 'no'"],
    ['GET', '/subjects/a/versions/2', undefined, 404, 40402, 'it has 1 to 1'],
    ['GET', '/subjects/a/versions/two', undefined, 422, 42202, "expected a number from 1 or 'latest'"],
    ['GET', '/schemas/ids/3', undefined, 404, 40403, 'there is no schema with id 3'],
    ['GET', '/schemas/ids/x', undefined, 404, 40403, 'there is no schema with id x'],
    ['GET', '/config/a', undefined, 404, 40408, 'no compatibility level of its own'],
    ['GET', '/contexts', undefined, 404, 404, 'there is no route GET /schema-registry/contexts'],
    ['POST', '/subjects/a', STRING, 404, 40403, 'no version with this schema'],
    ['POST', '/subjects/a/versions', '{', 422, 422, 'the body is no JSON object'],
    ['POST', '/subjects/a/versions', {}, 422, 42201, "'schema' is missing"],
    ['POST', '/subjects/a/versions', { schema: '"nope"' }, 422, 42201, 'no valid Avro schema'],
    [
      'POST',
      '/subjects/a/versions',
      { schema: '{}', schemaType: 'JSON' },
      422,
      42201,
      'the schema type is "JSON"; expected AVRO',
    ],
    ['POST', '/subjects/a/versions', { ...INT, references: [{}] }, 422, 42201, 'the schema has references'],
    ['POST', '/subjects/a/versions', { schema: `"${'x'.repeat(300_000)}"` }, 422, 42201, 'expected at most 262144'],
    ['PUT', '/config/a', { compatibility: 'SOME' }, 422, 42203, `'compatibility' is "SOME"`],
    ['DELETE', '/subjects/a', undefined, 422, 42205, 'nothing can be deleted'],
    ['DELETE', '/subjects/a/versions/1', undefined, 422, 42205, 'nothing can be deleted'],
  ])('%s %s with %j is refused', async (method, path, body, status, errorCode, message) => {
    await call('POST', '/subjects/a/versions', INT)
    expect(await call(method, path, body)).toEqual([
      status,
      { error_code: errorCode, message: expect.stringContaining(message) },
    ])
  })

  it('refuse a body that is too large', async () => {
    const answer = await call('POST', '/subjects/a/versions', { schema: 'x'.repeat(2 << 20) })
    expect(answer).toEqual([413, { error_code: 413, message: expect.any(String) }])
  })

  it('take names of subjects with any character', async () => {
    const subject = 'bl.ingest-com.acme.Größe/1'
    await call('POST', `/subjects/${encodeURIComponent(subject)}/versions`, INT)
    expect(await call('GET', '/subjects')).toEqual([200, [subject]])
  })

  it('lie beside those of the gateway, and leave its media types and errors as they are', async () => {
    const world = await openWorld({ tasks: false })
    registerSchemaRegistry(world.gateway.app, registry.subjects!)
    const media = { 'content-type': 'application/vnd.schemaregistry.v1+json' }
    const payload = JSON.stringify(INT)
    const registered = await world.gateway.app.inject({
      method: 'POST',
      url: '/schema-registry/subjects/a/versions',
      headers: media,
      payload,
    })
    expect([registered.statusCode, registered.json()]).toEqual([200, { id: FIRST }])
    const refused = await world.gateway.app.inject({ method: 'POST', url: '/api/v1/runs', headers: media, payload })
    expect([refused.statusCode, refused.json().error.code]).toEqual([415, 'unsupported_media_type'])
    await world.close()
  })

  it('change nothing while the process is stopping, and answer questions', async () => {
    const world = await openWorld({ tasks: false })
    registerSchemaRegistry(world.gateway.app, registry.subjects!)
    world.stopping = true
    const url = '/schema-registry/subjects/a/versions'
    const refused = await world.gateway.app.inject({ method: 'POST', url, payload: JSON.stringify(INT) })
    expect([refused.statusCode, refused.headers.connection, refused.json()]).toEqual([
      503,
      'close',
      { error_code: 50001, message: expect.stringContaining('stopping') },
    ])
    const asked = await world.gateway.app.inject({ method: 'GET', url: '/schema-registry/subjects' })
    expect([asked.statusCode, asked.json()]).toEqual([200, []])
    await world.close()
  })
})
