/** `/openapi.json` and `/docs`, made when they are first asked for. */
import type { FastifyInstance } from 'fastify'
import { API } from '../api/index.ts'
import { docsPage } from '../openapi/docs-page.ts'
import { openApiDocument } from '../openapi/document.ts'
import { queryOf } from './query.ts'
import { route } from './route.ts'

/** Of the interface. */
export const API_VERSION = '1.0.0'

export function registerDescription(app: FastifyInstance): void {
  let document: string | null = null
  let page: string | null = null
  route(app, API.getDescription, (request, reply) => {
    queryOf(request, [])
    document ??= JSON.stringify(openApiDocument(API, API_VERSION))
    return reply.type('application/json; charset=utf-8').send(document)
  })
  route(app, API.getDocs, (request, reply) => {
    queryOf(request, [])
    page ??= docsPage(API, API_VERSION)
    const policy = "default-src 'none'; style-src 'unsafe-inline'"
    return reply.header('content-security-policy', policy).type('text/html; charset=utf-8').send(page)
  })
}
