/** What the doctor looks at on this machine: Node, disk, ports. */
import { closeSync, existsSync, fsyncSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import type { Shell } from '../shell.ts'

export interface Check {
  readonly name: string
  readonly status: 'ok' | 'warn' | 'fail'
  readonly found: string
  /** What to do next; `null` where nothing has to be. */
  readonly next: string | null
}

export const ok = (name: string, found: string): Check => ({ name, status: 'ok', found, next: null })
export const warn = (name: string, found: string, next: string): Check => ({ name, status: 'warn', found, next })
export const fail = (name: string, found: string, next: string): Check => ({ name, status: 'fail', found, next })

const NODE_MAJOR = 24
const FULL_BYTES = 256 * 2 ** 20
const LOW_BYTES = 2 * 2 ** 30
const SYNCS = 20
const SLOW_SYNC_MS = 20
const SYNC_BYTES = 4_096

export function checkNode(version: string): Check {
  const major = Number(/^v(\d+)/.exec(version)?.[1] ?? 0)
  if (major >= NODE_MAJOR) return ok('node', version)
  return fail(
    'node',
    `${version}; expected ${NODE_MAJOR} or newer`,
    'Install a newer Node, or the package again: it brings one.',
  )
}

/** The folder, or the nearest one above it that is there. */
function existing(folder: string): string {
  const path = resolve(folder)
  return existsSync(path) ? path : existing(dirname(path))
}

export function checkDisk(folder: string): Check {
  const { bavail, bsize } = statfsSync(existing(folder))
  const bytes = bavail * bsize
  const found = `${(bytes / 2 ** 30).toFixed(1)} GiB free for ${folder}`
  if (bytes < FULL_BYTES)
    return fail('disk', found, 'Make room, or choose another folder with --data: a full disk stops the log.')
  if (bytes < LOW_BYTES)
    return warn('disk', found, 'Make room soon, or keep less: retention.work.size, retention.events.size.')
  return ok('disk', found)
}

/** How long the disk takes to make a small write durable: what every commit waits for. */
export function checkSync(folder: string, { environment }: Pick<Shell, 'environment'>): Check {
  let place: string
  try {
    place = mkdtempSync(join(existing(folder), '.doctor-'))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const found = `${existing(folder)} cannot be written to: ${code ?? message}`
    return fail('fsync', found, 'Give this user the right to write there, or choose another folder with --data.')
  }
  try {
    const ms = medianSyncMs(join(place, 'sync'), () => environment.monotonic())
    const found = `${ms.toFixed(2)} ms for a durable write`
    if (ms <= SLOW_SYNC_MS) return ok('fsync', found)
    return warn(
      'fsync',
      `${found}; expected under ${SLOW_SYNC_MS} ms`,
      'Use a faster disk: steps with effects wait for it twice each.',
    )
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}

function medianSyncMs(file: string, monotonic: () => number): number {
  const handle = openSync(file, 'w')
  const times: number[] = []
  try {
    const bytes = new Uint8Array(SYNC_BYTES)
    for (let round = 0; round < SYNCS; round++) {
      const from = monotonic()
      writeSync(handle, bytes)
      fsyncSync(handle)
      times.push(monotonic() - from)
    }
  } finally {
    closeSync(handle)
  }
  return times.toSorted((a, b) => a - b)[SYNCS >> 1]!
}

/** Whether a process could listen there; if not, whether that is because Beamline does already. */
export async function checkPort(name: string, host: string, port: number): Promise<Check> {
  if (port === 0) return ok(name, 'any free port')
  const code = await listenError(host, port)
  const place = `${host}:${port}`
  if (code === null) return ok(name, `${place} is free`)
  if (code !== 'EADDRINUSE')
    return fail(name, `${place} cannot be listened on: ${code}`, 'Choose another with --host and --port.')
  const found = await healthAt(host, port)
  if (found !== null)
    return found.ready ? ok(name, `Beamline is ready on ${place}`) : notReady(name, place, found.reason)
  return fail(
    name,
    `${place} is in use by another program`,
    'Stop that program, or choose a port with --port or BEAMLINE_PORT.',
  )
}

function notReady(name: string, place: string, reason: string): Check {
  return warn(name, `Beamline on ${place} is not ready: ${reason}`, 'Wait for what it names; its log has more.')
}

function listenError(host: string, port: number): Promise<string | null> {
  return new Promise((done) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message))
    server.listen(port, host, () => server.close(() => done(null)))
  })
}

const ANSWER_WITHIN_MS = 10_000

async function healthAt(
  host: string,
  port: number,
): Promise<{ readonly ready: boolean; readonly reason: string } | null> {
  const address = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  try {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS)
    const answer = await fetch(`http://${address.includes(':') ? `[${address}]` : address}:${port}/readyz`, { signal })
    const body = (await answer.json()) as { readonly status?: unknown; readonly reason?: unknown }
    if (body.status !== 'ready' && body.status !== 'not_ready') return null
    return { ready: body.status === 'ready', reason: String(body.reason ?? 'it does not say why') }
  } catch {
    return null
  }
}
