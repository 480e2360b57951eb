/** A private PostgreSQL server: data in a folder of its own, on a free port of 127.0.0.1, ended by its process id. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { startWarden } from '../kafka/warden.ts'
import { freePort } from '../process/free-ports.ts'
import { findPostgres } from './find-postgres.ts'

export interface PostgresCluster {
  /** Of its first database, as its owner. */
  readonly url: string
  /** Ends the server as a crash does, with all connections. */
  crash(): Promise<void>
  /** Starts it again where it was, after `crash`. */
  start(): Promise<void>
  stop(): Promise<void>
}

export interface PostgresOptions {
  /** Whether commits wait for the disk; what tests check does not depend on it. Default false. */
  readonly durable?: boolean
  /** Further settings, by name. */
  readonly settings?: { readonly [name: string]: string }
}

const USER = 'beamline'
const START_PATIENCE_MS = 120_000
const STOP_PATIENCE_MS = 10_000

/** @throws if there is no PostgreSQL on this machine, or it does not start */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresCluster> {
  const programs = await findPostgres()
  if (programs === null) throw new Error('there is no PostgreSQL on this machine: initdb and postgres were not found')
  const folder = await mkdtemp(join(tmpdir(), 'beamline-postgres-'))
  const warden = startWarden(folder)
  const owner = await unprivileged()
  if (owner !== null) await chown(folder, owner.uid, owner.gid)
  const data = join(folder, 'data')
  const server = new Server(programs, data, await freePort(), owner, options)
  try {
    const access = ['--username', USER, '--auth', 'trust']
    const words = ['--pgdata', data, ...access, '--encoding', 'UTF8', '--locale', 'C.UTF-8', '--no-sync']
    await promisify(execFile)(join(programs, 'initdb'), words, { ...(owner ?? {}), cwd: folder })
    warden.watch(await server.start())
  } catch (error) {
    await server.stop('SIGQUIT')
    warden.close()
    throw error
  }
  return {
    url: server.url,
    async crash() {
      warden.forget(server.pid)
      await server.stop('SIGQUIT')
    },
    async start() {
      warden.watch(await server.start())
    },
    async stop() {
      await server.stop('SIGINT')
      warden.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

interface Owner {
  readonly uid: number
  readonly gid: number
}

/** The server refuses to run as root. */
async function unprivileged(): Promise<Owner | null> {
  if (process.getuid?.() !== 0) return null
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  const user = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody')
  if (user === undefined) throw new Error('PostgreSQL does not run as root, and there is no user postgres or nobody')
  return { uid: Number(user[2]), gid: Number(user[3]) }
}

class Server {
  readonly url: string
  readonly #command: readonly [program: string, words: readonly string[]]
  readonly #owner: Owner | null
  readonly #folder: string
  #process: ChildProcess | null = null
  #output = ''

  constructor(
    programs: string,
    data: string,
    port: number,
    owner: Owner | null,
    { durable, settings }: PostgresOptions,
  ) {
    this.url = `postgres://${USER}@127.0.0.1:${port}/postgres`
    const speed = durable === true ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }
    const all = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      max_connections: '200',
      ...speed,
      ...settings,
    }
    const words = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    this.#command = [join(programs, 'postgres'), ['-D', data, '-p', String(port), ...words]]
    this.#owner = owner
    this.#folder = data
  }

  get pid(): number {
    return this.#process?.pid ?? 0
  }

  /** Resolves with its process id once it takes connections. */
  async start(): Promise<number> {
    const [program, words] = this.#command
    const child = spawn(program, words, {
      ...(this.#owner ?? {}),
      cwd: this.#folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#output = (this.#output + text).slice(-4_000)
    })
    this.#process = child
    const until = Date.now() + START_PATIENCE_MS
    while (!(await answers(this.url))) {
      if (child.exitCode !== null || child.pid === undefined || Date.now() > until) {
        throw new Error(`PostgreSQL did not start:\n${this.#output}`)
      }
      await delay(50)
    }
    return child.pid!
  }

  /** `SIGINT` ends it in order, `SIGQUIT` at once. */
  async stop(signal: 'SIGINT' | 'SIGQUIT'): Promise<void> {
    const child = this.#process
    this.#process = null
    if (child === null || child.exitCode !== null || child.pid === undefined) return
    const ended = once(child, 'exit')
    child.kill(signal)
    const harder = setTimeout(() => child.kill('SIGQUIT'), STOP_PATIENCE_MS)
    await ended
    clearTimeout(harder)
  }
}

async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => {})
  }
}
