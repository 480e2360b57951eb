import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { askForProfile } from '../../../connectors/control-socket/ask.ts'
import {
  type ControlSocket,
  listeningProcesses,
  openControlSocket,
} from '../../../connectors/control-socket/control-socket.ts'
import { realEnvironment } from '../../../connectors/environment.ts'

let folder: string
let socket: ControlSocket
const never = new AbortController().signal
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'beamline-control-'))
  socket = (await openControlSocket(folder, realEnvironment))!
})
afterEach(async () => {
  await socket.close()
  rmSync(folder, { recursive: true, force: true })
})

async function say(text: string): Promise<string> {
  const client = connect({ path: socket.path })
  client.write(text)
  let answer = ''
  client.on('data', (chunk) => {
    answer += chunk.toString()
  })
  await once(client, 'close')
  return answer
}

it('only its own user may open it', () => {
  expect(statSync(socket.path).mode & 0o777).toBe(0o600)
  expect(listeningProcesses(folder)).toEqual([process.pid])
})

it('a profile has samples of what ran, and the heap', async () => {
  const asking = askForProfile(folder, process.pid, 2_000, never)
  let sum = 0
  const busy = setInterval(() => {
    for (let i = 0; i < 1e5; i++) sum += JSON.stringify({ i }).length
  }, 1)
  const answer = await asking
  clearInterval(busy)
  expect(sum).toBeGreaterThan(0)
  expect(answer!.heap).toMatchObject({ pid: process.pid, memory: { heapUsed: expect.any(Number) } })
  const { nodes, samples } = answer!.profile as {
    nodes: { id: number; callFrame: { url: string } }[]
    samples: number[]
  }
  expect(samples.length).toBeGreaterThan(10)
  const known = new Set(nodes.map(({ id }) => id))
  expect(samples.every((id) => known.has(id))).toBe(true)
  expect(nodes.map(({ callFrame }) => callFrame.url).join()).toContain('control-socket/profile.ts')
})

it.each([
  'hello\n',
  '{"profile_ms": 0}\n',
  '{"profile_ms": 600001}\n',
  '{"profile_ms": 1.5}\n',
  'null\n',
  'x'.repeat(2_000),
])('%j is refused', async (text) => {
  expect(JSON.parse(await say(text))).toEqual({ error: expect.stringMatching(/^expected \{"profile_ms"/) })
})

it('a second one at the same time is refused; who goes away ends the first, and the next one is made at once', async () => {
  const gone = new AbortController()
  const asking = askForProfile(folder, process.pid, 600_000, gone.signal)
  const interrupted = expect(asking).rejects.toThrow(/interrupted/)
  await expect
    .poll(() => askForProfile(folder, process.pid, 1, never).then(() => null, String))
    .toMatch(/being made already/)
  gone.abort()
  await interrupted
  await expect
    .poll(() =>
      askForProfile(folder, process.pid, 1, never).then(
        (profile) => profile?.heap.pid,
        () => null,
      ),
    )
    .toBe(process.pid)
})

it('is gone once it is closed, and a file that was left behind is nobody', async () => {
  await socket.close()
  expect(existsSync(socket.path)).toBe(false)
  expect(await askForProfile(folder, process.pid, 1, never)).toBeNull()
  writeFileSync(socket.path, '')
  expect(await askForProfile(folder, process.pid, 1, never)).toBeNull()
})

it('those of processes that were killed are removed, those that listen are not', async () => {
  const script = `require('net').createServer().listen(${JSON.stringify(join(folder, 'control-1.sock'))}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', script])
  const other = createServer().listen(join(folder, 'control-2.sock'))
  await once(other, 'listening')
  expect(listeningProcesses(folder).toSorted()).toEqual([1, 2, process.pid].toSorted())
  await socket.close()
  socket = (await openControlSocket(folder, realEnvironment))!
  expect(listeningProcesses(folder).toSorted()).toEqual([2, process.pid].toSorted())
  other.close()
})

it('there is none without a folder, or where its path is too long', async () => {
  const deep = join(folder, 'x'.repeat(100))
  mkdirSync(deep)
  expect(await openControlSocket(join(folder, 'none'), realEnvironment)).toBeNull()
  expect(await openControlSocket(deep, realEnvironment)).toBeNull()
})
