/**
 * Requests over pooled connections that the guard has checked. Redirects are followed here, one by one, so that each is checked
 * again and credentials stay with the origin they were given for.
 */
import { Agent, buildConnector, type Dispatcher, ProxyAgent, request } from 'undici'
import { BlockError } from '../../block.ts'
import type { BlockTools } from '../tools.ts'
import { dial } from './egress/dial.ts'
import type { Egress } from './egress/egress.ts'
import { headersForOtherOrigin, withoutBodyHeaders } from './http-headers.ts'
import type { HttpRequest } from './http-request.ts'
import type { ResponseHeaders } from './http-response.ts'

export interface HttpOptions {
  /** Largest response body after decompression, in bytes; default 1 MiB. */
  readonly responseLimitBytes?: number
  /** Connections per origin; default 256. */
  readonly connections?: number
  /** How long a connection may take to open, in milliseconds; default 10,000. */
  readonly connectTimeoutMs?: number
  /** Proxy that all requests go through, e.g. `http://proxy.example:3128`. It is dialled without asking the guard; what it is asked for is checked. */
  readonly proxy?: string | null
  /** Certificates (PEM) of authorities that are trusted instead of those that come with Node.js. */
  readonly ca?: string
}

export interface HttpAnswer {
  /** Where it came from, after all redirects. */
  readonly url: URL
  readonly status: number
  readonly headers: ResponseHeaders
  readonly body: Dispatcher.ResponseData['body']
}

export interface HttpClient {
  readonly limitBytes: number
  /** Follows up to `redirects`. Rejects with the signal's reason once that is aborted. @throws {BlockError} `EGRESS_REFUSED`, `TOO_MANY_REDIRECTS`, `REDIRECT_REFUSED`; errors of the network */
  send(asked: HttpRequest, redirects: number, signal: AbortSignal): Promise<HttpAnswer>
  close(): Promise<void>
}

const DEFAULT_RESPONSE_LIMIT = 1 << 20
const DEFAULT_CONNECTIONS = 256
const DEFAULT_CONNECT_TIMEOUT_MS = 10_000
const ORIGINS = 10_000
const REDIRECT_STATUSES = [301, 302, 303, 307, 308]

/** Connections are opened at the first request and kept. */
export function createHttpClient(tools: BlockTools, egress: Egress, options: HttpOptions = {}): HttpClient {
  let dispatcher: Dispatcher | null = null
  const proxied = options.proxy != null
  return {
    limitBytes: options.responseLimitBytes ?? DEFAULT_RESPONSE_LIMIT,
    send: async (asked, redirects, signal) => {
      signal.throwIfAborted()
      dispatcher ??= openDispatcher(tools, egress, options)
      let current = asked
      for (let left = redirects; ; left--) {
        // a proxy dials for us, so this is all that can be checked
        if (proxied) await egress.resolve(destinationOf(current.url))
        const { url, method, headers, body } = current
        const response = await request(url, { method, headers, body, signal, dispatcher })
        const location = locationOf(response)
        if (location === null || redirects === 0) {
          return { url, status: response.statusCode, headers: response.headers, body: response.body }
        }
        // what a redirect says beside its address is of no use
        await response.body.dump({ limit: 16_384 }).catch(() => undefined)
        signal.throwIfAborted()
        if (left === 0)
          throw new BlockError('TOO_MANY_REDIRECTS', `${asked.url.origin} redirected more than ${redirects} times`)
        current = followed(current, response.statusCode, location)
      }
    },
    close: async () => {
      const open = dispatcher
      dispatcher = null
      await open?.destroy()
    },
  }
}

function openDispatcher(tools: BlockTools, egress: Egress, options: HttpOptions): Dispatcher {
  const timeoutMs = options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS
  const common = {
    connections: options.connections ?? DEFAULT_CONNECTIONS,
    // the step's own timeout is the only one, and it comes through the signal
    headersTimeout: 0,
    bodyTimeout: 0,
    maxOrigins: ORIGINS,
  }
  if (options.proxy != null) {
    const trusted = options.ca === undefined ? {} : { requestTls: { ca: options.ca } }
    return new ProxyAgent({ ...common, uri: options.proxy, ...trusted })
  }
  return new Agent({ ...common, connect: guardedConnector(tools, egress, timeoutMs, options.ca) })
}

/** Opens sockets through the guard and leaves TLS, with the server's own name, to the client's connector. */
function guardedConnector(
  tools: BlockTools,
  egress: Egress,
  timeoutMs: number,
  ca: string | undefined,
): buildConnector.connector {
  const secure = buildConnector({ timeout: timeoutMs, ...(ca !== undefined && { ca }) })
  return (options, callback) => {
    const { protocol, hostname } = options
    const port = Number(options.port || (protocol === 'https:' ? 443 : 80))
    const slow = new AbortController()
    const cancel = tools.after(timeoutMs, () => slow.abort(connectTimeout(hostname, port, timeoutMs)))
    dial(egress, { scheme: protocol.slice(0, -1), host: hostname, port }, slow.signal).then(
      (socket) => {
        cancel()
        if (protocol === 'https:') secure({ ...options, httpSocket: socket }, callback)
        else callback(null, socket)
      },
      (error: Error) => {
        cancel()
        callback(error, null)
      },
    )
  }
}

function connectTimeout(host: string, port: number, timeoutMs: number): Error {
  const message = `no connection to ${host}:${port} within ${timeoutMs} ms`
  return Object.assign(new Error(message), { code: 'UND_ERR_CONNECT_TIMEOUT' })
}

export function destinationOf(url: URL): { readonly scheme: string; readonly host: string; readonly port: number } {
  const scheme = url.protocol.slice(0, -1)
  return { scheme, host: url.hostname, port: Number(url.port || (scheme === 'https' ? 443 : 80)) }
}

function locationOf(response: Dispatcher.ResponseData): string | null {
  if (!REDIRECT_STATUSES.includes(response.statusCode)) return null
  const location = response.headers.location
  return location === undefined ? null : [location].flat()[0]!
}

/** As browsers do: 303, and 301 or 302 after POST, become GET without a body. */
export function followed(asked: HttpRequest, status: number, location: string): HttpRequest {
  const url = URL.canParse(location, asked.url.href) ? new URL(location, asked.url) : null
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new BlockError('REDIRECT_REFUSED', `${asked.url.origin} redirected to what is no http or https URL`)
  }
  if (asked.url.protocol === 'https:' && url.protocol === 'http:') {
    throw new BlockError('REDIRECT_REFUSED', `${asked.url.origin} redirected from https to http, to ${url.host}`)
  }
  url.username = ''
  url.password = ''
  const toGet = status === 303 ? asked.method !== 'HEAD' : status < 303 && asked.method === 'POST'
  const headers = url.origin === asked.url.origin ? asked.headers : headersForOtherOrigin(asked.headers)
  if (!toGet) return { ...asked, url, headers }
  return { url, method: 'GET', headers: withoutBodyHeaders(headers), body: null }
}
