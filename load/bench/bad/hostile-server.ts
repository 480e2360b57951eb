/** A server that means no good, in a process of its own. Prints its ports as JSON: of one that speaks HTTP, and of one that only claims to. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'

/** A thousand times as large as it looks. */
const BOMB = gzipSync(Buffer.alloc(10 << 20))

const moved = (response: ServerResponse, location: string): unknown => response.writeHead(302, { location }).end()
const chunk = (delta: object): string => `data: ${JSON.stringify({ choices: [{ delta, finish_reason: null }] })}\n\n`
const tool = { index: 0, id: 'c', function: { name: 'rm_rf', arguments: '{}' } }

const PATHS: { readonly [path: string]: (response: ServerResponse) => unknown } = {
  '/good': (response) => response.setHeader('content-type', 'application/json').end('{"ok":true}'),
  '/to-metadata': (response) => moved(response, 'http://169.254.169.254/latest/meta-data'),
  '/loop': (response) => moved(response, '/loop'),
  '/bomb': (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(BOMB),
}

/** By the prompt. */
const ANSWERS: { readonly [prompt: string]: (response: ServerResponse) => unknown } = {
  malformed: (response) => response.end('data: {"choices": [\n\n'),
  stall: (response) => response.write(chunk({ content: 'Bon' })),
  storm: (response) => response.writeHead(429, { 'retry-after': '1' }).end('{"error":"slow down"}'),
  'unknown tool': (response) => response.end(`${chunk({ tool_calls: [tool] })}data: [DONE]\n\n`),
  endless: (response) => forever(response, chunk({ content: 'x'.repeat(1_000) })),
}

function forever(to: ServerResponse | Socket, text: string): void {
  const more = (): void => {
    while (!to.destroyed && to.write(text));
  }
  to.on('drain', more)
  more()
}

const RAW: { readonly [path: string]: (socket: Socket) => unknown } = {
  '/two-lengths': (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!'),
  '/no-http': (socket) => socket.end('SSH-2.0-OpenSSH_9\r\n'),
  '/cut': (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhello'),
  '/endless': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
    forever(socket, `1000\r\n${'a'.repeat(4_096)}\r\n`)
  },
  '/drip': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n')
    const timer = setInterval(() => socket.write('a'), 10)
    socket.on('close', () => clearInterval(timer))
  },
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.on('error', () => undefined)
  let body = ''
  for await (const part of request) body += String(part)
  const found = PATHS[request.url!]
  if (found !== undefined) found(response)
  else ANSWERS[(JSON.parse(body) as { messages: { content: string }[] }).messages[0]!.content]!(response)
}

// whoever started it is gone
process.stdin.resume().on('end', () => process.exit())

const server = createServer((request, response) => void answer(request, response).catch(() => response.destroy()))
// a connection that the server gives up while a request is on its way would fail a step that did nothing wrong
server.keepAliveTimeout = 0
const raw = createTcpServer((socket) => {
  socket.on('error', () => undefined)
  socket.once('data', (data) => RAW[/ (\/\S*)/.exec(data.toString())![1]!]!(socket))
})
const portOf = (of: typeof raw): number => (of.address() as AddressInfo).port
await Promise.all([server, raw].map((one) => new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve))))
console.log(JSON.stringify({ http: portOf(server), raw: portOf(raw) }))
