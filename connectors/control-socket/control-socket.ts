/**
 * How an operator on the same machine asks a running process for a profile: a socket in its data folder that only its own user may open. Nothing of it can be
 * reached over a network, and no debugger's port is opened.
 *
 * A request is a line of JSON, `{"profile_ms": 30000}`; so is the answer: a {@link Profile}, or `{"error": ...}`.
 */
import { chmodSync, existsSync, readdirSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Environment } from '../../topology/environment.ts'
import { profileProcess } from './profile.ts'

const MAX_REQUEST_BYTES = 1_024
const MAX_PROFILE_MS = 600_000
const MAX_CLIENTS = 4
const REQUEST_WITHIN_MS = 5_000
/** What fits in `sockaddr_un` everywhere. */
const MAX_PATH_BYTES = 103

export interface ControlSocket {
  readonly path: string
  close(): Promise<void>
}

/** Where the process with that id listens. */
export const socketPath = (folder: string, pid: number): string => join(folder, `control-${pid}.sock`)

/** Ids of the processes that listen, or have once, in a data folder. */
export function listeningProcesses(folder: string): readonly number[] {
  return readdirSync(folder).flatMap((name) => {
    const [, pid] = /^control-(\d{1,10})\.sock$/.exec(name) ?? []
    return pid === undefined ? [] : [Number(pid)]
  })
}

/** Processes that were killed leave theirs behind. Whether somebody listens is asked of the socket: process ids may be those of other containers. */
async function removeAbandoned(folder: string): Promise<void> {
  for (const pid of listeningProcesses(folder)) {
    const path = socketPath(folder, pid)
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const socket = connect({ path })
    socket.once('connect', () => resolve(false))
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'ECONNREFUSED'))
    if (await promise) rmSync(path, { force: true })
    socket.destroy()
  }
}

/** `null` where there is no such folder, or the path is too long for a socket. @throws what listening throws */
export async function openControlSocket(folder: string, environment: Environment): Promise<ControlSocket | null> {
  const path = socketPath(folder, process.pid)
  if (process.platform === 'win32' || !existsSync(folder) || Buffer.byteLength(path) > MAX_PATH_BYTES) return null
  // left by an earlier process that had the same id
  rmSync(path, { force: true })
  await removeAbandoned(folder)
  const ending = new AbortController()
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    serve(socket, environment, ending.signal)
  })
  server.maxConnections = MAX_CLIENTS
  await listen(server, path)
  server.unref()
  return {
    path,
    async close() {
      ending.abort()
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
      rmSync(path, { force: true })
    },
  }
}

async function listen(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  // nobody else may open it, not even between its making and the change of its mode
  const before = process.umask(0o177)
  try {
    server.once('error', reject)
    server.listen(path, resolve)
    await promise
  } finally {
    process.umask(before)
  }
  server.off('error', reject)
  chmodSync(path, 0o600)
}

function serve(socket: Socket, environment: Environment, ending: AbortSignal): void {
  let text = ''
  const cancel = environment.after(REQUEST_WITHIN_MS, () => socket.destroy())
  socket.setEncoding('utf8')
  const onData = (chunk: string): void => {
    text += chunk
    const end = text.indexOf('\n')
    if (end < 0 && text.length <= MAX_REQUEST_BYTES) return
    socket.off('data', onData)
    cancel()
    // keeps reading, so that its end is noticed: it is closed then, and nobody waits for the answer
    socket.resume()
    void answer(socket, end < 0 ? '' : text.slice(0, end), environment, ending)
  }
  socket.on('data', onData)
  socket.on('close', cancel)
}

let profiling = false

async function answer(socket: Socket, line: string, environment: Environment, ending: AbortSignal): Promise<void> {
  const ms = requestedMs(line)
  if (ms === null) return send(socket, { error: `expected {"profile_ms": 1 to ${MAX_PROFILE_MS}} in a line` })
  if (profiling) return send(socket, { error: 'a profile is being made already; try again when it is done' })
  const gone = new AbortController()
  socket.once('close', () => gone.abort())
  profiling = true
  try {
    send(socket, await profileProcess(environment, ms, AbortSignal.any([ending, gone.signal])))
  } catch (error) {
    send(socket, { error: (error as Error).message })
  } finally {
    profiling = false
  }
}

function send(socket: Socket, value: object): void {
  if (!socket.destroyed) socket.end(`${JSON.stringify(value)}\n`)
}

function requestedMs(line: string): number | null {
  try {
    const { profile_ms: ms } = JSON.parse(line) as { readonly profile_ms?: unknown }
    return typeof ms === 'number' && Number.isInteger(ms) && ms >= 1 && ms <= MAX_PROFILE_MS ? ms : null
  } catch {
    return null
  }
}
