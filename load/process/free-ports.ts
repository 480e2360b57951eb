/**
 * Ports for servers that are told theirs before they start. Below the range from which the system gives ports to outgoing connections and to
 * those who ask for any, so that nobody else gets one by chance between its choice and its use, or while its server is started again.
 * Each is kept by a file for the life of this process, so that processes that choose at the same time choose differently.
 */
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const FROM = 20_000
const TO = 32_000
const MAX_TRIES = 1_000

const kept = new Set<string>()

/** A port of 127.0.0.1 that nobody listens on, kept for this process. @throws {Error} if none was found */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const port = FROM + Math.floor(Math.random() * (TO - FROM))
    if (keep(port) && (await isFree(port))) return port
  }
  throw new Error(`no free port between ${FROM} and ${TO} was found in ${MAX_TRIES} tries`)
}

/** Different ones. @throws {Error} if so many were not found */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports: number[] = []
  while (ports.length < count) ports.push(await freePort())
  return ports
}

function keep(port: number): boolean {
  const folder = join(tmpdir(), 'beamline-ports')
  mkdirSync(folder, { recursive: true })
  const file = join(folder, String(port))
  if (isKept(file)) return false
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' })
  } catch {
    return false // another process was faster
  }
  if (kept.size === 0) process.once('exit', letGo)
  kept.add(file)
  return true
}

function letGo(): void {
  for (const file of kept) rmSync(file, { force: true })
}

/** A file whose process has ended keeps nothing, and is removed. */
function isKept(file: string): boolean {
  try {
    process.kill(Number(readFileSync(file, 'utf8')), 0)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return false
    if (code === 'EPERM') return true
    rmSync(file, { force: true })
    return false
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}
