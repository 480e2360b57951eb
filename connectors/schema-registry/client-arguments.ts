/** How the registry's client is made: address, credentials, TLS, timeouts and retries. */
import { Agent } from 'node:http'
import { Agent as TlsAgent } from 'node:https'
import type { SchemaRegistry as Client } from '@kafkajs/confluent-schema-registry'
import { SchemaRegistryError } from '../../topology/schema-registry/port.ts'
import type { ExternalRegistryOptions } from './options.ts'

export type HttpAgent = Agent
type Arguments = ConstructorParameters<typeof Client>[0]
type Middleware = NonNullable<Arguments['middlewares']>[number]
type Response = Parameters<NonNullable<NonNullable<Arguments['retry']>['validateRetry']>>[0]

const DEFAULT_TIMEOUT_MS = 5_000
const MAX_SOCKETS = 8
/** All fields are given: the client merges them into defaults that all its instances share. Only requests that change nothing are repeated. */
const RETRY = {
  retries: 2,
  initialRetryTimeInSecs: 0.2,
  maxRetryTimeInSecs: 1,
  factor: 0.2,
  multiplier: 2,
  validateRetry: (response: Response) => response.status() >= 500 || response.error() !== null,
}

/** @throws {SchemaRegistryError} `SCHEMA_INVALID` when the URL is none */
export function clientArguments(options: ExternalRegistryOptions): Arguments & { readonly agent: HttpAgent } {
  const { username, password = '', tls, timeoutMs = DEFAULT_TIMEOUT_MS } = options
  const url = urlOf(options.url)
  const sockets = { keepAlive: true, maxSockets: MAX_SOCKETS }
  return {
    clientId: 'beamline',
    host: `${url.origin}${url.pathname.replace(/\/+$/, '')}`,
    agent: url.protocol === 'https:' ? new TlsAgent({ ...sockets, ...tls }) : new Agent(sockets),
    retry: RETRY,
    middlewares: [withTimeout(timeoutMs)],
    ...(username === undefined ? {} : { auth: { username, password } }),
  }
}

export function closeAgent(agent: HttpAgent): void {
  agent.destroy()
}

function urlOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url !== null && (url.protocol === 'http:' || url.protocol === 'https:') && url.username === '') return url
  throw new SchemaRegistryError(
    'SCHEMA_INVALID',
    `the address of the schema registry is '${text.replace(/\/\/[^@/]*@/, '//...@')}'; expected http(s)://host:port without credentials`,
  )
}

function withTimeout(timeoutMs: number): Middleware {
  return () => ({
    async prepareRequest(next) {
      return (await next()).enhance({ timeout: timeoutMs })
    },
  })
}
