/** Bodies come as bytes, so that they are read once, by whoever knows what they should be. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { RequestError } from '../errors.ts'

const JSON_TYPES = ['application/json', 'text/json']
const YAML_TYPES = ['application/yaml', 'application/x-yaml', 'text/yaml', 'text/x-yaml', 'text/plain']
const LINE_TYPES = ['application/x-ndjson', 'application/jsonl', 'application/x-jsonlines', 'text/plain']
/** What `curl -d` says when it is told nothing. */
const UNSAID = ['', 'application/x-www-form-urlencoded', 'application/octet-stream']

export function acceptBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, done) => {
    const refused = refusal(request)
    done(refused, refused === null ? body : undefined)
  })
}

function refusal(request: FastifyRequest): RequestError | null {
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase()
  const expected = expectedTypes(request.routeOptions.url ?? '')
  if (UNSAID.includes(type) || expected.includes(type)) return null
  return new RequestError(
    'unsupported_media_type',
    `the content type is ${JSON.stringify(type.slice(0, 100))}; expected ${expected.slice(0, 3).join(' or ')}`,
    { details: { expected } },
  )
}

function expectedTypes(route: string): readonly string[] {
  if (route.startsWith('/api/v1/flows')) return [...JSON_TYPES, ...YAML_TYPES]
  return route.startsWith('/api/v1/topics') || route === '/api/v1/runs/batch'
    ? [...LINE_TYPES, ...JSON_TYPES]
    : JSON_TYPES
}
