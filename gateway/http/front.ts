/**
 * The listening socket of a process. It is there before anything else, so that a taken port is found at once and `/health`, `/readyz` and `/metrics` are
 * answered while the log is still out of reach; the gateway takes over when it can serve.
 */
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Environment } from '../../topology/environment.ts'
import { answerClientError } from './client-error.ts'

export interface Front {
  /** Base address, with the port that was taken. */
  readonly url: string
  /** For Fastify's `serverFactory`. */
  readonly server: Server
  /** Requests go here from now on. */
  serve(handler: RequestListener): void
  /** No new connections; those that are answered within the grace end by themselves, the others are cut. */
  close(graceMs: number): Promise<void>
}

export interface FrontOptions {
  /** Until the head of a request must have come. Default 30 s. */
  readonly headersTimeoutMs?: number
  /** Until all of a request must have come. Default 5 minutes. */
  readonly requestTimeoutMs?: number
  /** How often it is looked for requests that are late. Default 5 s. */
  readonly checkEveryMs?: number
  /** At once; more are closed. Default 20,000. */
  readonly maxConnections?: number
}

const BACKLOG = 1024
const SWEEP_MS = 20
/** Longer than load balancers keep idle connections, so that it is they who close them. */
const KEEP_ALIVE_MS = 72_000

/** @throws {Error} with `code`, e.g. `EADDRINUSE` */
export async function openFront(
  host: string,
  port: number,
  environment: Environment,
  first: RequestListener,
  options: FrontOptions = {},
) {
  let handler = first
  const { headersTimeoutMs = 30_000, requestTimeoutMs = 300_000, checkEveryMs = 5_000 } = options
  const limits = {
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    connectionsCheckingInterval: checkEveryMs,
  }
  const server = createServer(limits, (request, response) => handler(request, response))
  server.maxConnections = options.maxConnections ?? 20_000
  server.on('clientError', answerClientError)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, backlog: BACKLOG }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const front: Front = {
    url: urlOf(server.address() as AddressInfo, host),
    server,
    serve(next) {
      handler = next
    },
    async close(graceMs) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      const cancelCut = environment.after(graceMs, () => server.closeAllConnections())
      let cancelSweep = (): void => {}
      // a connection is kept when its last answer is done: nobody but us closes it then
      const sweep = (): void => {
        server.closeIdleConnections()
        cancelSweep = environment.after(SWEEP_MS, sweep)
      }
      sweep()
      await closed
      cancelCut()
      cancelSweep()
    },
  }
  return front
}

function urlOf({ port, address, family }: AddressInfo, host: string): string {
  const everywhere = address === '::' || address === '0.0.0.0'
  const shown = everywhere ? '127.0.0.1' : host === 'localhost' ? 'localhost' : address
  return `http://${family === 'IPv6' && shown.includes(':') ? `[${shown}]` : shown}:${port}`
}
