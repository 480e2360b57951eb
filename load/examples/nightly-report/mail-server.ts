/**
 * Stands for the company's mail server: SMTP with a login. It turns the first message away for now, as many servers do with strangers. What it took is
 * at `GET /mails` of the address on its first line, and where it takes messages at `GET /smtp`.
 */
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { SMTPServer } from 'smtp-server'
import { sendJson, serveHttp } from '../serve.ts'
import type { Delivery } from './mail.ts'

const [user = '', password = ''] = process.argv.slice(2)
const mails: Delivery[] = []
let offered = 0

const smtp = new SMTPServer({
  // no TLS on this machine's own address
  hideSTARTTLS: true,
  allowInsecureAuth: true,
  onAuth: (auth, _session, done) => {
    const isRight = auth.username === user && auth.password === password
    done(isRight ? null : new Error('wrong user or password'), isRight ? { user } : undefined)
  },
  onData: (stream, { envelope }, done) => {
    buffer(stream).then((bytes) => {
      offered++
      if (offered === 1) return done(Object.assign(new Error('greylisted, come again'), { responseCode: 451 }))
      mails.push({ to: envelope.rcptTo.map(({ address }) => address), message: bytes.toString('utf8') })
      done()
    }, done)
  },
})
await new Promise<void>((resolve) => smtp.listen(0, '127.0.0.1', resolve))
const { port } = smtp.server.address() as AddressInfo

await serveHttp(async ({ url }, response) => {
  if (url === '/smtp') sendJson(response, 200, { url: `smtp://${user}:${password}@127.0.0.1:${port}` })
  else sendJson(response, 200, { offered, mails })
})
