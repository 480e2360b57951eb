import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { realEnvironment } from '../../connectors/environment.ts'
import { openEmbeddedLog } from '../../connectors/log-embedded/embedded-log.ts'
import { DATABASE_FILE } from '../../connectors/log-embedded/schema.ts'
import { ApiClient } from '../../load/process/api-client.ts'
import { BeamlineProcess } from '../../load/process/beamline-process.ts'
import { freePort } from '../../load/process/free-ports.ts'

let dataFolder: string
const running: BeamlineProcess[] = []

beforeEach(() => {
  dataFolder = mkdtempSync(join(tmpdir(), 'beamline-test-'))
})

afterEach(async () => {
  for (const beamline of running.splice(0)) if (beamline.running) await beamline.kill()
  rmSync(dataFolder, { recursive: true, force: true })
})

async function start(port?: number): Promise<BeamlineProcess> {
  const beamline = await BeamlineProcess.start({ dataFolder, port: port ?? (await freePort()) })
  running.push(beamline)
  return beamline
}

/** Starts a process that must refuse to run; gives its exit code and what it said. */
async function refused(port?: number): Promise<{ readonly code: number | null; readonly output: string }> {
  const beamline = BeamlineProcess.spawn({ dataFolder, port: port ?? (await freePort()) })
  running.push(beamline)
  const code = await beamline.exited
  return { code, output: beamline.output }
}

function databaseFile(): string {
  const found = readdirSync(dataFolder, { recursive: true, encoding: 'utf8' }).find((path) =>
    path.endsWith(DATABASE_FILE),
  )
  if (found === undefined) throw new Error(`no ${DATABASE_FILE} under the data folder`)
  return join(dataFolder, found)
}

function digest(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex')
}

test('a port in use ends the start with a message that names it', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const { code, output } = await refused(port)
  server.close()
  expect(code).not.toBe(0)
  expect(output).toContain(String(port))
  expect(output).toMatch(/in use|EADDRINUSE/)
})

test('a second process on the same folder is refused and the first goes on', async () => {
  const first = await start()
  const { code, output } = await refused()
  expect(code).not.toBe(0)
  expect(output).toContain(`in use by process ${first.child.pid}`)
  expect(await first.isReady()).toBe(true)
})

test('a damaged database is refused and left as it is', async () => {
  await (await start()).stop()
  const file = databaseFile()
  const bytes = readFileSync(file)
  bytes.fill(0x5a, 0, Math.min(bytes.length, 4096))
  writeFileSync(file, bytes)
  const before = digest(file)
  const { code, output } = await refused()
  expect(code).not.toBe(0)
  expect(output).toMatch(/damaged/)
  expect(digest(file)).toBe(before)
})

test('a folder of a newer version is refused and left as it is', async () => {
  await (await start()).stop()
  const file = databaseFile()
  const database = new DatabaseSync(file)
  database.exec(`UPDATE meta SET value = 99 WHERE key = 'format_version'`)
  database.close()
  const before = digest(file)
  const { code, output } = await refused()
  expect(code).not.toBe(0)
  expect(output).toContain('format version 99')
  expect(digest(file)).toBe(before)
})

test('deleting the read model and the snapshots changes nothing but the time to start', async () => {
  const first = await start()
  const client = new ApiClient(first.url)
  const waiting = 'flow: waiting\nsteps:\n  - { id: later, type: wait, with: { for: 1h } }\n'
  await client.publish(waiting)
  await client.publish('flow: greet\nsteps:\n  - { id: say, type: echo, with: "${input.name}" }\n')
  const ids: string[] = []
  for (let number = 0; number < 20; number++) {
    const flow = number % 2 === 0 ? 'greet' : 'waiting'
    const { body } = await client.submit({
      flow,
      input: { name: `number ${number}` },
      idempotency_key: `key-${number}`,
    })
    ids.push(String(body.run_id))
  }
  const before = await settled(client, ids)
  await client.close()
  await first.stop()

  const deleted = removeDerived()
  expect(deleted).not.toEqual([])
  const second = await start()
  const again = new ApiClient(second.url)
  expect(await settled(again, ids)).toEqual(before)
  // what the engine itself remembers is there too: the keys, and the runs that wait
  const repeat = await again.submit({ flow: 'greet', input: { name: 'number 0' }, idempotency_key: 'key-0' })
  expect(repeat).toMatchObject({ status: 200, body: { run_id: ids[0] } })
  const cancelled = await again.call('POST', `/api/v1/runs/${ids[1]}/cancel`, {})
  expect(cancelled.status).toBe(200)
  await again.close()
  await second.stop()
})

/** The runs as the API shows them, once those that can end have ended. */
async function settled(client: ApiClient, ids: readonly string[]): Promise<readonly unknown[]> {
  const runs: unknown[] = []
  for (const [index, id] of ids.entries()) {
    const wanted = index % 2 === 0 ? 'completed' : 'running'
    const body = await until(async () => {
      const { body } = await client.run(id)
      const { steps } = body as { steps?: readonly { status: string }[] }
      const reached = body.status === wanted && (wanted === 'completed' || steps?.[0]?.status === 'waiting')
      return reached ? body : null
    })
    // how far the projection has come is not part of the run
    const { as_of: _asOf, ...run } = body
    runs.push(run)
  }
  return runs
}

async function until<T>(look: () => Promise<T | null>): Promise<T> {
  for (;;) {
    const found = await look()
    if (found !== null) return found
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Everything in the data folder that is made from the log. */
function removeDerived(): readonly string[] {
  const keep = new Set([databaseFile()].flatMap((file) => [file, `${file}-wal`, `${file}-shm`]))
  const files = readdirSync(dataFolder, { recursive: true, encoding: 'utf8' }).map((path) => join(dataFolder, path))
  const derived = files.filter((file) => statSync(file).isFile() && !keep.has(file) && /read|snapshot/.test(file))
  for (const file of derived) rmSync(file)
  return derived
}

test('a changelog with rows that this version does not know is said, and the start ends', async () => {
  const log = await openEmbeddedLog({ folder: dataFolder, partitions: 4, environment: realEnvironment })
  const task = await log.openTask(2)
  const changelog = [{ key: `${String.fromCharCode(199)}row`, value: Buffer.from([1]) }]
  await task.commit({ appends: [], changelog, offsets: new Map() })
  await log.close()
  const { code, output } = await refused()
  expect(code).toBe(1)
  expect(output).toContain('the changelog holds rows of store 199, which this version does not know')
  expect(output).not.toMatch(/\n\s+at /)
})
