/** Registries to ask: our own routes behind a real port, with credentials, TLS and failures where a test wants them. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fastify } from 'fastify'
import { realEnvironment } from '../../../connectors/environment.ts'
import { openMemoryLog } from '../../../connectors/log-memory/memory-log.ts'
import { createMemoryStorage } from '../../../connectors/log-memory/storage.ts'
import { createSchemaRegistry } from '../../../connectors/schema-registry/create.ts'
import { registerSchemaRegistry } from '../../../gateway/schema-registry/routes.ts'

export interface Server {
  readonly url: string
  /** `METHOD path` of each request, as they came. */
  readonly requests: string[]
  /** Answers with this status instead; `hang`: not at all. `null`: properly. */
  failing: number | 'hang' | null
  readonly store: NonNullable<ReturnType<typeof createSchemaRegistry>['subjects']>
  close(): Promise<void>
}

export interface ServerOptions {
  readonly credentials?: string
  readonly certificate?: Certificate
  readonly port?: number
}

export async function openServer({ credentials, certificate, port = 0 }: ServerOptions = {}): Promise<Server> {
  const log = openMemoryLog(createMemoryStorage(1), realEnvironment)
  const registry = createSchemaRegistry({ kind: 'built-in', log, environment: realEnvironment, topicPrefix: '' })
  // the secure server differs in its type alone
  const https = (certificate === undefined ? {} : { https: certificate }) as object
  const app = fastify({ forceCloseConnections: true, ...https })
  const requests: string[] = []
  app.addHook('onRequest', async (request, reply) => {
    requests.push(`${request.method} ${request.url}`)
    if (server.failing === 'hang') return new Promise(() => {})
    if (server.failing !== null)
      return reply.code(server.failing).send({ error_code: server.failing, message: 'as told' })
    const expected = `Basic ${Buffer.from(credentials ?? '').toString('base64')}`
    if (credentials !== undefined && request.headers.authorization !== expected) {
      return reply.code(401).send({ error_code: 401, message: 'who are you' })
    }
    return undefined
  })
  registerSchemaRegistry(app, registry.subjects!)
  const server: Server = {
    url: `${await app.listen({ host: '127.0.0.1', port })}/schema-registry`,
    requests,
    failing: null,
    store: registry.subjects!,
    async close() {
      await app.close()
      await registry.close()
    },
  }
  return server
}

export interface Certificate {
  readonly key: string
  readonly cert: string
}

/** For 127.0.0.1, signed by itself. */
export function selfSigned(): Certificate {
  const folder = mkdtempSync(join(tmpdir(), 'beamline-tls-'))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  try {
    execFileSync('openssl', ['req', '-x509', ...made, '-keyout', key, '-out', cert, ...subject], { stdio: 'ignore' })
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
