import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below the range from which outgoing connections get theirs: a broker that is started again must find its port free. */
const FROM = 20_000
const TO = 32_000

/** Different ports of 127.0.0.1 that were free a moment ago. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>()
  for (let tries = 0; ports.size < count; tries++) {
    if (tries > 1000) throw new Error(`${count} free ports between ${FROM} and ${TO} were not found`)
    const port = FROM + Math.floor(Math.random() * (TO - FROM))
    if (await isFree(port)) ports.add(port)
  }
  return [...ports]
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
