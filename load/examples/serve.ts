/** What stand-ins share: they listen on a free port, say where on their first line, and end with the process that started them. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

/** Told once, when the stand-in listens; `close` is called when its starter is gone. */
export function announce(url: string, close: () => Promise<void>): void {
  process.stdout.write(`${url}\n`)
  // a Ctrl-C in the terminal reaches the whole group; the starter ends its stand-ins in order
  process.on('SIGINT', () => undefined)
  process.stdin.resume()
  process.stdin.once('close', () => void close().finally(() => process.exit(0)))
}

export async function serveHttp(handler: (request: IncomingMessage, response: ServerResponse) => Promise<void>) {
  const listener: RequestListener = (request, response) => {
    handler(request, response).catch((error: unknown) => {
      sendJson(response, 500, { error: (error as Error).message })
    })
  }
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  announce(`http://127.0.0.1:${port}`, async () => {
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  })
}

export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  return buffer(request)
}

export async function jsonOf<T>(request: IncomingMessage): Promise<T> {
  return JSON.parse((await bodyOf(request)).toString('utf8')) as T
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: { readonly [name: string]: string } = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}
