/**
 * `/schema-registry`: the part of Confluent's interface that serialisers, command lines and consoles use, for Avro. Nothing can be deleted: ids stay in
 * records for as long as the log has them. There is no authentication yet.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { RegisteredVersion, RegistryView } from '../../schemas/registry/registry-state.ts'
import { ALL_SUBJECTS } from '../../schemas/registry/registry-state.ts'
import type { SubjectStore } from '../../topology/schema-registry/port.ts'
import { compatibilityAnswer } from './compatibility-answer.ts'
import { answerRegistryError, RegistryAnswer } from './registry-answer.ts'
import { levelIn, schemaIn } from './registry-body.ts'

export const SCHEMA_REGISTRY_PREFIX = '/schema-registry'
export const REGISTRY_MEDIA_TYPE = 'application/vnd.schemaregistry.v1+json'
const BODY_LIMIT_BYTES = 1 << 20

interface Params {
  readonly subject: string
  readonly version: string
  readonly id: string
}

/** To be called before the application listens. */
export function registerSchemaRegistry(app: FastifyInstance, store: SubjectStore): void {
  app.register(
    async (scope) => {
      scope.removeAllContentTypeParsers()
      scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: BODY_LIMIT_BYTES }, (_request, body, done) =>
        done(null, body),
      )
      scope.setErrorHandler((error, _request, reply) => answerRegistryError(error, reply))
      refuseWhileStopping(scope)
      addReads(scope, store)
      addSubjects(scope, store)
      addSettings(scope, store)
      addRefusals(scope)
    },
    { prefix: SCHEMA_REGISTRY_PREFIX },
  )
}

/** As the gateway's own routes do; an application of somebody else's never says that it stops. */
function refuseWhileStopping(app: FastifyInstance): void {
  if (!app.hasDecorator('isStopping')) return
  app.addHook('onRequest', async (request, reply) => {
    if (request.method === 'GET' || request.method === 'HEAD' || !app.isStopping()) return
    reply.header('connection', 'close')
    throw new RegistryAnswer(503, 50001, 'this process is stopping; ask another one, or again')
  })
}

function addReads(app: FastifyInstance, store: SubjectStore): void {
  const get = (path: string, answer: (view: RegistryView, params: Params) => unknown): void => {
    app.get(path, async (request, reply) => send(reply, answer(await store.current(), paramsOf(request))))
  }
  get('/', () => ({}))
  get('/schemas/types', () => ['AVRO'])
  get('/mode', () => ({ mode: 'READWRITE' }))
  get('/mode/:subject', () => ({ mode: 'READWRITE' }))
  get('/schemas/ids/:id', (view, { id }) => ({ schema: schemaOf(view, id) }))
  get('/schemas/ids/:id/schema', (view, { id }) => JSON.parse(schemaOf(view, id)))
  get('/schemas/ids/:id/subjects', (view, { id }) => versionsOf(view, id).map(({ subject }) => subject))
  get('/schemas/ids/:id/versions', (view, { id }) =>
    versionsOf(view, id).map(({ subject, version }) => ({ subject, version })),
  )
  get('/subjects', (view) => view.subjects())
  get('/subjects/:subject/versions', (view, { subject }) => known(view, subject).map(({ version }) => version))
  get('/subjects/:subject/versions/:version', (view, { subject, version }) => shown(versionOf(view, subject, version)))
  get('/subjects/:subject/versions/:version/schema', (view, { subject, version }) =>
    JSON.parse(versionOf(view, subject, version).schema),
  )
}

function addSubjects(app: FastifyInstance, store: SubjectStore): void {
  app.post('/subjects/:subject/versions', async (request, reply) => {
    const { id } = await store.register(paramsOf(request).subject, schemaIn(request.body).text)
    return send(reply, { id })
  })
  app.post('/subjects/:subject', async (request, reply) => {
    const { subject } = paramsOf(request)
    const { schema } = schemaIn(request.body)
    const view = await store.current()
    known(view, subject)
    const found = view.find(subject, schema.canonical)
    if (found === undefined)
      throw new RegistryAnswer(404, 40403, `subject '${subject}' has no version with this schema`)
    return send(reply, shown(found))
  })
  const check = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const { subject, version } = paramsOf(request)
    const { schema } = schemaIn(request.body)
    const view = await store.current()
    const against = version === undefined ? view.versions(subject) : [versionOf(view, subject, version)]
    return send(reply, compatibilityAnswer(view, subject, schema.type, against, version !== undefined))
  }
  app.post('/compatibility/subjects/:subject/versions/:version', check)
  app.post('/compatibility/subjects/:subject/versions', check)
}

function addSettings(app: FastifyInstance, store: SubjectStore): void {
  app.get('/config', async (_request, reply) => {
    return send(reply, { compatibilityLevel: (await store.current()).compatibility(ALL_SUBJECTS) })
  })
  app.get('/config/:subject', async (request, reply) => {
    const { subject } = paramsOf(request)
    const view = await store.current()
    const orGlobal = (request.query as { readonly defaultToGlobal?: string }).defaultToGlobal === 'true'
    const level = view.compatibility(subject) ?? (orGlobal ? view.compatibility(ALL_SUBJECTS) : null)
    if (level === null) {
      throw new RegistryAnswer(404, 40408, `subject '${subject}' has no compatibility level of its own`)
    }
    return send(reply, { compatibilityLevel: level })
  })
  const put = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const { subject } = paramsOf(request)
    const compatibility = levelIn(request.body)
    await store.setCompatibility(subject ?? null, compatibility)
    return send(reply, { compatibility })
  }
  app.put('/config', put)
  app.put('/config/:subject', put)
}

function addRefusals(app: FastifyInstance): void {
  app.all('/*', (request) => {
    if (request.method === 'DELETE') {
      throw new RegistryAnswer(422, 42205, 'nothing can be deleted: records of the log refer to the schema by its id')
    }
    throw new RegistryAnswer(404, 404, `there is no route ${request.method} ${request.url.slice(0, 200)}`)
  })
}

function paramsOf(request: FastifyRequest): Params {
  return request.params as Params
}

function send(reply: FastifyReply, body: unknown): FastifyReply {
  // as bytes, since the type is registered without a character set
  return reply.type(REGISTRY_MEDIA_TYPE).send(Buffer.from(JSON.stringify(body)))
}

function schemaOf(view: RegistryView, id: string): string {
  const schema = /^\d{1,10}$/.test(id) ? view.schema(Number(id)) : undefined
  if (schema === undefined) throw new RegistryAnswer(404, 40403, `there is no schema with id ${id.slice(0, 100)}`)
  return schema
}

function versionsOf(view: RegistryView, id: string): readonly RegisteredVersion[] {
  schemaOf(view, id)
  return view.versionsOf(Number(id))
}

function known(view: RegistryView, subject: string): readonly RegisteredVersion[] {
  const versions = view.versions(subject)
  if (versions.length === 0) throw new RegistryAnswer(404, 40401, `there is no subject '${subject.slice(0, 255)}'`)
  return versions
}

/** `latest` and `-1`: the last. */
function versionOf(view: RegistryView, subject: string, text: string): RegisteredVersion {
  const versions = known(view, subject)
  if (text === 'latest' || text === '-1') return versions.at(-1)!
  if (!/^[1-9]\d{0,9}$/.test(text)) {
    throw new RegistryAnswer(422, 42202, `the version is '${text.slice(0, 100)}'; expected a number from 1 or 'latest'`)
  }
  const found = versions[Number(text) - 1]
  if (found !== undefined) return found
  throw new RegistryAnswer(404, 40402, `subject '${subject}' has no version ${text}; it has 1 to ${versions.length}`)
}

function shown({ subject, version, id, schema }: RegisteredVersion): object {
  return { subject, version, id, schema }
}
