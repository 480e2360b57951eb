/**
 * An S3-compatible server in a process of its own. It checks no signatures of version 4 itself, so a proxy before it does, after the description of the scheme rather than with any client's code.
 */
import { spawn } from 'node:child_process'
import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'

export const S3_KEY = 'S3RVER'
export const S3_SECRET = 'S3RVER'

export interface S3Server {
  readonly endpoint: string
  close(): Promise<void>
}

/** Awaited before a request is passed on: one that never resolves is a server that does not answer. */
export type OnRequest = (method: string, path: string) => Promise<void> | void

export async function startS3(folder: string, bucket: string, onRequest: OnRequest = () => {}): Promise<S3Server> {
  const bin = join(dirname(createRequire(import.meta.url).resolve('s3rver/package.json')), 'bin/s3rver.js')
  const args = [bin, '-d', folder, '-p', '0', '-a', '127.0.0.1', '--configure-bucket', bucket]
  const server = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const port = await new Promise<number>((resolve, reject) => {
    let said = ''
    server.once('exit', () => reject(new Error(`the server has ended: ${said}`)))
    server.stdout.on('data', (text: Buffer) => {
      said += text.toString()
      const found = /listening on 127\.0\.0\.1:(\d+)/.exec(said)?.[1]
      if (found !== undefined) resolve(Number(found))
    })
  })
  const proxy = createServer((incoming, answer) => {
    const { method = '', url = '' } = incoming
    if (!isSigned(incoming)) refuse(incoming, answer)
    else void Promise.resolve(onRequest(method, url)).then(() => forward(incoming, answer, port))
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  return {
    endpoint: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    async close() {
      proxy.closeAllConnections()
      proxy.close()
      server.kill()
      if (server.exitCode === null && server.signalCode === null) await once(server, 'exit')
    },
  }
}

/** The signature is that of method, path, query, the headers it names and the hash of the body. */
function isSigned({ method = '', url = '', headers }: IncomingMessage): boolean {
  const form = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]+)$/
  const [, key, scope = '', names = '', signature] = form.exec(headers.authorization ?? '') ?? []
  if (key !== S3_KEY) return false
  const { pathname, searchParams } = new URL(url, 'http://host')
  const encoded = (text: string): string =>
    encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
  const query = [...searchParams]
    .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
    .sort()
    .join('&')
  const signed = names
    .split(';')
    .map((name) => `${name}:${String(headers[name]).trim().replace(/ +/g, ' ')}\n`)
    .join('')
  const asked = [method, pathname, query, signed, names, headers['x-amz-content-sha256']].join('\n')
  const text = [
    'AWS4-HMAC-SHA256',
    headers['x-amz-date'],
    scope,
    createHash('sha256').update(asked).digest('hex'),
  ].join('\n')
  const hmac = (secret: string | Buffer, part: string): Buffer => createHmac('sha256', secret).update(part).digest()
  const signingKey = scope.split('/').reduce<string | Buffer>(hmac, `AWS4${S3_SECRET}`)
  return hmac(signingKey, text).toString('hex') === signature
}

function forward(incoming: IncomingMessage, answer: ServerResponse, port: number): void {
  const { method, url, headers } = incoming
  // checked here; without one the server takes the request as that of the public, which may do everything there
  const { authorization: _checked, ...others } = headers
  const outgoing = request({ host: '127.0.0.1', port, method, path: url, headers: others }, (got) => {
    answer.writeHead(got.statusCode!, got.headers)
    got.pipe(answer)
  })
  outgoing.on('error', () => answer.destroy())
  incoming.pipe(outgoing)
}

function refuse(incoming: IncomingMessage, answer: ServerResponse): void {
  incoming.resume()
  answer.writeHead(403, { 'content-type': 'application/xml' })
  answer.end(
    '<Error><Code>SignatureDoesNotMatch</Code><Message>the signature is not that of the request</Message></Error>',
  )
}
