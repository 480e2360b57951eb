/** `/health`, `/readyz` and `/metrics` without a gateway: of a process that has none, or whose gateway cannot serve yet. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Environment } from '../../topology/environment.ts'

export interface StatusSource {
  readonly environment: Environment
  /** What this process waits for, in words; `null`: it is ready. */
  readonly waitsFor: () => string | null
  readonly metrics: { readonly render: () => Promise<string>; readonly contentType: string }
}

const LIVE = ['/health', '/_health', '/health/live']
const READY = ['/readyz', '/health/ready']
const RETRY_AFTER_S = 2

export function statusRoutes(source: StatusSource): RequestListener {
  return (request, response) => {
    void answer(source, request, response).catch(() => response.destroy())
  }
}

async function answer(source: StatusSource, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? '/').split('?')[0]!
  request.resume()
  if (request.method !== 'GET' && request.method !== 'HEAD') return notHere(source, response)
  const reason = source.waitsFor()
  if (LIVE.includes(path)) return json(response, 200, health(source, reason))
  if (READY.includes(path)) {
    return json(response, reason === null ? 200 : 503, { status: reason === null ? 'ready' : 'not_ready', reason })
  }
  if (path !== '/metrics') return notHere(source, response)
  const body = await source.metrics.render()
  response.writeHead(200, { 'content-type': source.metrics.contentType }).end(body)
}

function health({ environment }: StatusSource, reason: string | null): object {
  const nowMs = environment.now()
  return { status: reason === null ? 'ok' : 'degraded', timestamp: new Date(nowMs).toISOString(), timestamp_ms: nowMs }
}

/** A gateway may come: who asks for it is told why it is not there. */
function notHere({ waitsFor }: StatusSource, response: ServerResponse): void {
  const reason = waitsFor()
  if (reason === null) {
    const message = 'there are /health, /readyz and /metrics here and no other routes'
    json(response, 404, { ok: false, error: { code: 'not_found', message, details: {} } })
    return
  }
  response.setHeader('retry-after', String(RETRY_AFTER_S))
  const message = `this process is not ready: ${reason}`
  json(response, 503, { ok: false, error: { code: 'unavailable', message, details: {} } })
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body))
}
