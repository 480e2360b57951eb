/** Real servers for tests of blocks, each a process or listener of its own on a free port of 127.0.0.1. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import pg from 'pg'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { afterAll, beforeAll, describe } from 'vitest'
import { freePort } from '../../../../../load/process/free-ports.ts'
import { type ParsedMail, simpleParser } from './mail.ts'

export interface Server {
  readonly port: number
  stop(): Promise<void>
}

/** A `describe` with a server that is started before its tests. Where it cannot be had the tests are skipped, with `CI=true` they fail. */
export function describeWith(
  name: string,
  missing: string | null,
  start: () => Promise<Server>,
  body: (server: () => Server) => void,
): void {
  if (missing !== null) {
    if (process.env['CI'] === 'true') throw new Error(`tests of '${name}' want ${missing}`)
    console.warn(`*** SKIPPED: ${name}: ${missing} is missing ***`)
  }
  let server: Server | null = null
  const get = (): Server => {
    if (server === null) throw new Error('the server is there for hooks and tests only')
    return server
  }
  const define = missing === null ? describe : describe.skip
  define(name, () => {
    beforeAll(async () => {
      server = await start()
    })
    afterAll(() => server?.stop())
    body(get)
  })
}

const POSTGRES_ROOT = '/usr/lib/postgresql'

function postgresBin(): string | null {
  const versions = existsSync(POSTGRES_ROOT) ? readdirSync(POSTGRES_ROOT).sort((a, b) => Number(b) - Number(a)) : []
  const found = versions.map((version) => join(POSTGRES_ROOT, version, 'bin'))
  return found.find((bin) => existsSync(join(bin, 'initdb'))) ?? null
}

export const missingPostgres = postgresBin() === null ? 'PostgreSQL' : null

/** PostgreSQL refuses to run as root; then it runs as the user `postgres`. */
function postgresAccount(): { readonly uid?: number; readonly gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

export async function startPostgres(): Promise<Server> {
  const bin = postgresBin()!
  const account = postgresAccount()
  const folder = mkdtempSync(join(tmpdir(), 'beamline-postgres-'))
  if (account.uid !== undefined) chownSync(folder, account.uid, account.gid!)
  const data = join(folder, 'data')
  const options = { ...account, cwd: folder, stdio: 'ignore' as const }
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '-N'], options)
  const port = await freePort()
  const args = ['-D', data, '-h', '127.0.0.1', '-k', folder, '-p', String(port), '-c', 'fsync=off']
  const child = spawn(join(bin, 'postgres'), args, options)
  await eventually(async () => {
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' })
    client.on('error', () => undefined)
    await client.connect()
    await client.end()
  })
  return { port, stop: () => stopped(child, 'SIGINT', folder) }
}

export const missingRedis = existsSync('/usr/bin/redis-server') ? null : 'redis-server'

export async function startRedis(): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'beamline-redis-'))
  const port = await freePort()
  const child = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', ''], {
    stdio: 'ignore',
  })
  await eventually(async () => {
    const client = new Redis({ host: '127.0.0.1', port, lazyConnect: true, retryStrategy: () => null })
    client.on('error', () => undefined)
    await client.connect()
    client.disconnect()
  })
  return { port, stop: () => stopped(child, 'SIGTERM', folder) }
}

export interface MailServer extends Server {
  readonly mails: ParsedMail[]
}

export async function startMailServer(options: SMTPServerOptions): Promise<MailServer> {
  const mails: ParsedMail[] = []
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    hideSTARTTLS: true,
    allowInsecureAuth: true,
    authOptional: true,
    onData: (stream, session, done) => {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        mails.push(
          simpleParser(
            Buffer.concat(chunks).toString('utf8'),
            session.envelope.rcptTo.map(({ address }) => address),
          ),
        )
        done()
      })
    },
    ...options,
  })
  server.on('error', () => undefined)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.server.address() as AddressInfo
  return { port, mails, stop: () => new Promise((resolve) => server.close(() => resolve())) }
}

/** Tries until it works, for a minute at most. */
async function eventually(work: () => Promise<void>): Promise<void> {
  const until = performance.now() + 60_000
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (performance.now() > until) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

async function stopped(child: ChildProcess, signal: NodeJS.Signals, folder: string): Promise<void> {
  if (child.exitCode === null) {
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await gone
  }
  rmSync(folder, { recursive: true, force: true })
}
