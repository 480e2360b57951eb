import { hash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'

const JSON_TYPE = 'application/json; charset=utf-8'

/** Sends the text, or 304 to whoever has it already. `state` is what decides whether it has changed. */
export function sendWithEtag(request: FastifyRequest, reply: FastifyReply, state: string, text: string): FastifyReply {
  const etag = `"${hash('sha1', state, 'base64url')}"`
  reply.header('etag', etag).header('cache-control', 'no-cache').header('vary', 'X-Tenant-ID')
  if (matches(request.headers['if-none-match'], etag)) return reply.code(304).send()
  return reply.type(JSON_TYPE).send(text)
}

function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  return header.split(',').some((part) => part.trim() === '*' || part.trim().replace(/^W\//, '') === etag)
}
