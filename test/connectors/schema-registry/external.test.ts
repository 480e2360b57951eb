import { afterEach, describe, expect, it } from 'vitest'
import { realEnvironment } from '../../../connectors/environment.ts'
import { createSchemaRegistry, type SchemaRegistryHandle } from '../../../connectors/schema-registry/create.ts'
import type { ExternalRegistryOptions } from '../../../connectors/schema-registry/options.ts'
import { freePort } from '../../../load/process/free-ports.ts'
import { schemaIdOf } from '../../../schemas/codec/wire.ts'
import { RECORDS } from '../../../schemas/records/index.ts'
import { parseAvroSchema } from '../../../schemas/registry/compatibility.ts'
import { ownSchemas } from '../../../schemas/registry/own-schemas.ts'
import { openServer, type Server, type ServerOptions, selfSigned } from './servers.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function serve(options: ServerOptions = {}): Promise<Server> {
  const server = await openServer(options)
  closers.push(server.close)
  return server
}

function connect(
  url: string,
  options: Partial<ExternalRegistryOptions> = {},
): SchemaRegistryHandle & { problems: string[] } {
  const problems: string[] = []
  const registry = createSchemaRegistry({
    kind: 'external',
    url,
    environment: realEnvironment,
    topicPrefix: 'bl.',
    onProblem: (message) => problems.push(message),
    ...options,
  })
  closers.push(() => registry.close())
  return Object.assign(registry, { problems })
}

const SUBJECT = 'bl.ingest-beamline.SubmitRun'
const SMALL = '{"type":"record","namespace":"beamline","name":"SubmitRun","fields":[{"name":"flow","type":"string"}]}'
const UNLIKE = '{"type":"record","namespace":"beamline","name":"SubmitRun","fields":[{"name":"flow","type":"int"}]}'

describe('an external registry', () => {
  it('gets our schemas, each with a subject and BACKWARD compatibility, and its ids are taken', async () => {
    const server = await serve()
    const registry = connect(server.url)
    expect(registry.wireIds).toBeNull()
    expect(registry.health().ready).toBe(false)
    await registry.start()
    expect(registry.health()).toEqual({ ready: true, reason: null })
    const view = await server.store.current()
    expect(view.subjects()).toEqual(
      ownSchemas('bl.')
        .map(({ subject }) => subject)
        .sort(),
    )
    expect(view.compatibility(SUBJECT)).toBe('BACKWARD')
    const ids = registry.wireIds as ReadonlyMap<number, number>
    expect(new Set(ids.keys())).toEqual(new Set(Object.values(RECORDS).map(({ kind }) => schemaIdOf(kind))))
    expect(ids.get(schemaIdOf('SubmitRun'))).toBe(view.versions(SUBJECT)[0]!.id)
    const again = connect(server.url)
    await again.start()
    expect(again.wireIds).toEqual(ids)
    expect((await server.store.current()).versions(SUBJECT)).toHaveLength(1)
  })

  it('gives the schemas of others by id', async () => {
    const server = await serve()
    const { id } = await server.store.register('other', SMALL)
    const registry = connect(server.url)
    expect(parseAvroSchema((await registry.schema(id))!).type.equals(parseAvroSchema(SMALL).type)).toBe(true)
    expect(await registry.schema(id + 1)).toBeNull()
    expect(await registry.schema(0)).toBeNull()
    expect(await registry.schema(2 ** 31)).toBeNull()
  })

  it('may be stricter with a subject than we are', async () => {
    const server = await serve()
    await server.store.setCompatibility(SUBJECT, 'FULL_TRANSITIVE')
    await connect(server.url).start()
    expect((await server.store.current()).compatibility(SUBJECT)).toBe('FULL_TRANSITIVE')
  })

  it.each<[string, (server: Server) => Promise<unknown>, string]>([
    [
      'holds something else in a subject of ours',
      ({ store }) => store.register(SUBJECT, UNLIKE),
      `our schema does not fit subject '${SUBJECT}' at URL: the schema does not fit subject`,
    ],
    [
      'is laxer with a subject than we are',
      ({ store }) => store.setCompatibility(SUBJECT, 'NONE'),
      `subject '${SUBJECT}' has compatibility NONE at URL; expected BACKWARD or stricter`,
    ],
  ])('that %s ends the start', async (_name, prepare, message) => {
    const server = await serve()
    await prepare(server)
    await expect(connect(server.url).start()).rejects.toMatchObject({
      code: 'INCOMPATIBLE',
      message: expect.stringContaining(message.replace('URL', server.url)),
    })
  })

  it('is asked with the credentials, and refuses others', async () => {
    const server = await serve({ credentials: 'user:secret' })
    await connect(server.url, { username: 'user', password: 'secret' }).start()
    for (const wrong of [{}, { username: 'user', password: 'wrong' }]) {
      const registry = connect(server.url, wrong)
      await expect(registry.start()).rejects.toMatchObject({
        code: 'NOT_AUTHORIZED',
        message: expect.stringMatching(/refuses access to subject '.*' \(401\): who are you/),
      })
      expect(registry.health().reason).not.toContain('secret')
    }
  })

  it('is asked over TLS, and trusted only with its certificate', async () => {
    const certificate = selfSigned()
    const server = await serve({ certificate })
    await connect(server.url, { tls: { ca: certificate.cert } }).start()
    await expect(connect(server.url).schema(1)).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringMatching(/self.signed certificate/),
    })
  })

  it('that is down is waited for: not ready, with the reason', async () => {
    const port = await freePort()
    const server = await serve({ port })
    await server.close()
    const registry = connect(server.url)
    const started = registry.start()
    await expect.poll(() => registry.problems).not.toHaveLength(0)
    expect(registry.problems[0]).toMatch(
      /^the schema registry at .* cannot be asked for subject '.*': .*ECONNREFUSED.*; will be tried again$/,
    )
    expect(registry.health()).toEqual({ ready: false, reason: expect.stringContaining('ECONNREFUSED') })
    await serve({ port })
    await started
    expect(registry.health()).toEqual({ ready: true, reason: null })
  })

  it.each<[string, Server['failing'], number, string]>([
    ['fails', 500, 60_000, 'as told'],
    ['does not answer', 'hang', 1_000, 'Timeout (1000ms)'],
  ])('that %s is said to be out of reach', async (_name, failing, timeoutMs, message) => {
    const server = await serve()
    server.failing = failing
    await expect(connect(server.url, { timeoutMs }).schema(1)).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining(message),
    })
    expect(server.requests).toEqual(new Array(3).fill('GET /schema-registry/schemas/ids/1'))
  })

  it('that is no registry ends the start', async () => {
    const server = await serve()
    await expect(connect(server.url.replace('schema-registry', 'elsewhere')).start()).rejects.toMatchObject({
      code: 'INCOMPATIBLE',
      message: expect.stringContaining('expected the address of a schema registry'),
    })
  })

  it.each(['', 'localhost:8081', 'ftp://localhost', 'http://user:secret@localhost'])(
    'has no address such as %j',
    (url) => {
      expect(() => connect(url)).toThrow(/^the address of the schema registry is '(?!.*secret).*'; expected http/)
    },
  )

  it('ends a start that still waits when it is closed', async () => {
    const server = await serve()
    server.failing = 503
    const registry = connect(server.url)
    const started = expect(registry.start()).rejects.toMatchObject({ code: 'CLOSED' })
    await expect.poll(() => registry.problems).not.toHaveLength(0)
    await registry.close()
    await started
  })
})
