/** `/api/v1/blobs`: contents come and go as streams. */
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { blobName, isBlobHash } from '../../schemas/blob.ts'
import { type ArrayInfo, arrayBytes, arrayMediaType, isArrayElement } from '../../schemas/typed-array.ts'
import { blobNotFound, type StoredBlob } from '../../topology/blobs/port.ts'
import { API } from '../api/index.ts'
import { RequestError } from '../errors.ts'
import type { GatewayBlobs } from '../ports.ts'
import { goneSignal, tenantOf } from './context.ts'
import type { Edge } from './edge.ts'
import { queryOf } from './query.ts'
import { rangeOf } from './range.ts'
import { route } from './route.ts'

const UNSAID = 'application/octet-stream'
const MAX_TYPE_LENGTH = 256
const MEDIA_TYPE = /^[\w.+-]+\/[\w.+-]+(?:\s*;[\x20-\x7e]*)?$/

export function registerBlobs(app: FastifyInstance, edge: Edge): void {
  // of their own, so that bodies are not read into memory
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, body, done) => done(null, body))
    route(scope, API.putBlob, (request, reply) => putBlob(blobsOf(edge), request, reply))
  })
  route(app, API.getBlob, (request, reply) => getBlob(blobsOf(edge), request, reply))
}

function blobsOf({ blobs }: Edge): GatewayBlobs {
  if (blobs !== undefined) return blobs
  throw new RequestError('not_implemented', 'this process has no place for blobs')
}

async function putBlob({ store, maxBytes }: GatewayBlobs, request: FastifyRequest, reply: FastifyReply) {
  const { sha256, array, shape } = queryOf(request, ['sha256', 'array', 'shape'])
  const info = arrayInfoOf(array, shape)
  if (sha256 !== undefined && !isBlobHash(sha256)) throw invalid('sha256', sha256, '64 lower-case hexadecimal digits')
  const announced = Number(request.headers['content-length'] ?? 0)
  // before anything is read
  if (announced > maxBytes) throw tooLarge(reply, announced, maxBytes)
  const type = info === null ? mediaTypeOf(request) : arrayMediaType(info)
  const tenant = tenantOf(request)
  const body = request.body instanceof Readable ? request.body : Readable.from([])
  const stored = await store
    .put(tenant, body, { type, maxBytes, signal: goneSignal(reply) })
    .catch((error: unknown) => {
      reply.header('connection', 'close')
      // nobody hears it any more, but it is no failure of ours
      const brokeOff = (error as { readonly code?: unknown } | undefined)?.code === 'ECONNRESET'
      throw brokeOff ? new RequestError('invalid_request', 'the body broke off', { cause: error }) : error
    })
  checkStored(stored, sha256, info)
  const blob = blobName(stored.hash)
  const described = { blob, size: stored.sizeBytes, type, hash: stored.hash }
  reply.code(201).header('location', `/api/v1/blobs/${stored.hash}`)
  return info === null ? described : { ...described, array: { ...info, blob } }
}

/** What was stored is nobody's then, and is collected. */
function checkStored({ hash, sizeBytes }: StoredBlob, sha256: string | undefined, info: ArrayInfo | null): void {
  if (sha256 !== undefined && sha256 !== hash) throw invalid('sha256', hash, `the content to have ${sha256}`)
  if (info === null || arrayBytes(info) === sizeBytes) return
  const expected = `${arrayBytes(info)} for ${info.type} of the shape ${info.shape.join(',')}`
  throw new RequestError('invalid_request', `the content has ${sizeBytes} bytes; expected ${expected}`, {
    details: { path: 'shape', found: sizeBytes, expected: arrayBytes(info) },
  })
}

function arrayInfoOf(type: string | undefined, shape: string | undefined): ArrayInfo | null {
  if (type === undefined && shape === undefined) return null
  if (type === undefined || !isArrayElement(type)) throw invalid('array', type ?? 'nothing', 'f32, i32 or u8')
  const lengths = (shape ?? '').split(',').map(Number)
  const isShape = lengths.length <= 8 && lengths.every((length) => Number.isSafeInteger(length) && length > 0)
  if (shape === undefined || shape === '' || !isShape)
    throw invalid('shape', shape ?? 'nothing', '1 to 8 integers from 1, e.g. 2,3')
  return { type, shape: lengths }
}

function mediaTypeOf(request: FastifyRequest): string | null {
  const type = request.headers['content-type']
  if (type === undefined || type === UNSAID) return null
  if (type.length <= MAX_TYPE_LENGTH && MEDIA_TYPE.test(type)) return type
  throw invalid('Content-Type', type, `a media type of at most ${MAX_TYPE_LENGTH} characters`)
}

async function getBlob({ store }: GatewayBlobs, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { hash } = request.params as { readonly hash: string }
  if (!isBlobHash(hash)) throw invalid('hash', hash, '64 lower-case hexadecimal digits')
  const tenant = tenantOf(request)
  const known = await store.head(tenant, hash)
  if (known === null) throw blobNotFound(tenant, hash)
  const etag = `"${hash}"`
  reply.headers({
    etag,
    'accept-ranges': 'bytes',
    'cache-control': 'private, no-cache',
    vary: 'X-Tenant-ID',
    // whatever somebody has stored must not act as a page of this server
    'content-disposition': 'attachment',
    'content-security-policy': "default-src 'none'; sandbox",
    'x-content-type-options': 'nosniff',
  })
  if (hasEtag(request.headers['if-none-match'], etag)) return reply.code(304).send()
  const ifRange = request.headers['if-range']
  const whole = ifRange !== undefined && ifRange !== etag
  const range = whole ? null : rangeOf(request.headers.range, known.sizeBytes)
  if (range === 'unsatisfiable') {
    reply.header('content-range', `bytes */${known.sizeBytes}`)
    const message = `the blob has ${known.sizeBytes} bytes; expected a range within them`
    throw new RequestError('range_not_satisfiable', message, { details: { size: known.sizeBytes } })
  }
  reply.type(known.type ?? UNSAID)
  if (range === null) reply.header('content-length', known.sizeBytes)
  else {
    reply.code(206).header('content-length', range.to - range.from)
    reply.header('content-range', `bytes ${range.from}-${range.to - 1}/${known.sizeBytes}`)
  }
  if (request.method === 'HEAD') return reply.send(Readable.from([]))
  const bytes = await store.read(tenant, hash, range ?? undefined, goneSignal(reply))
  return reply.send(Readable.from(bytes, { objectMode: false }))
}

function hasEtag(header: string | undefined, etag: string): boolean {
  return header?.split(',').some((part) => part.trim() === '*' || part.trim().replace(/^W\//, '') === etag) ?? false
}

function tooLarge(reply: FastifyReply, found: number, maxBytes: number): RequestError {
  reply.header('connection', 'close')
  return new RequestError('payload_too_large', `the body has ${found} bytes; expected at most ${maxBytes}`, {
    details: { code: 'BLOB_TOO_LARGE', limit: maxBytes },
  })
}

function invalid(path: string, found: string, expected: string): RequestError {
  const message = `'${path}' is ${JSON.stringify(found.slice(0, 100))}; expected ${expected}`
  return new RequestError('invalid_request', message, { details: { path } })
}
