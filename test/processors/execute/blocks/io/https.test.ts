/** TLS on top of guarded connections, and requests through a proxy. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type Server } from 'node:https'
import { type AddressInfo, connect, type Server as NetServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { HttpOptions } from '../../../../../processors/execute/blocks/io/http-client.ts'
import type { Json } from '../../../../../schemas/json.ts'
import { contextOf, LOCAL_EGRESS, openBlocks } from '../support.ts'

const folder = mkdtempSync(join(tmpdir(), 'beamline-tls-'))
let server: Server
let plain: NetServer
let proxy: NetServer
let cert = ''
const asked: string[] = []
const portOf = (one: NetServer): number => (one.address() as AddressInfo).port

beforeAll(async () => {
  const [key, crt] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '2', '-nodes']
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-keyout', key, '-out', crt, ...subject], {
    stdio: 'ignore',
  })
  cert = readFileSync(crt, 'utf8')
  server = createServer({ key: readFileSync(key), cert }, (request, response) => {
    if (request.url === '/down') response.writeHead(302, { location: `http://localhost:${portOf(plain)}/` }).end()
    else response.end('over tls')
  })
  plain = createHttpServer((_request, response) => response.end('plain'))
  proxy = createHttpServer().on('connect', (request, socket) => {
    asked.push(request.url!)
    const [host, port] = request.url!.split(':')
    const upstream = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      upstream.pipe(socket).pipe(upstream)
    })
    for (const end of [upstream, socket]) end.on('error', () => undefined)
  })
  for (const one of [server, plain, proxy]) await new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve))
})
afterAll(() => {
  server.closeAllConnections()
  for (const one of [server, plain, proxy]) one.close()
  rmSync(folder, { recursive: true })
})

async function get(url: string, http: HttpOptions): Promise<Json> {
  const set = openBlocks({ http, egress: LOCAL_EGRESS })
  try {
    return await set.blocks.find(({ type }) => type === 'http')!.run(contextOf(), { url })
  } finally {
    await set.close()
  }
}

describe('https', () => {
  test('the certificate is checked against the name that was asked for', async () => {
    expect(await get(`https://localhost:${portOf(server)}/`, { ca: cert })).toMatchObject({ body: 'over tls' })
    const wrongName = get(`https://127.0.0.1:${portOf(server)}/`, { ca: cert })
    await expect(wrongName).rejects.toMatchObject({
      code: 'HTTP_REQUEST_FAILED',
      detail: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
    })
    const unknown = get(`https://localhost:${portOf(server)}/`, {})
    await expect(unknown).rejects.toMatchObject({ detail: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } })
  })

  test('a redirect from https to http is refused', async () => {
    await expect(get(`https://localhost:${portOf(server)}/down`, { ca: cert })).rejects.toMatchObject({
      code: 'REDIRECT_REFUSED',
    })
  })
})

describe('a proxy', () => {
  test('is asked, and what it is asked for is checked', async () => {
    const options = { proxy: `http://127.0.0.1:${portOf(proxy)}`, ca: cert }
    expect(await get(`https://localhost:${portOf(server)}/`, options)).toMatchObject({ body: 'over tls' })
    expect(asked).toEqual([`localhost:${portOf(server)}`])
    await expect(get('http://10.0.0.1/', options)).rejects.toMatchObject({ code: 'EGRESS_REFUSED' })
    expect(asked).toHaveLength(1)
  })
})
