/** Operations on 10,000 items, whose process is killed half-way: after the restart they go on, and each item is done once. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { realEnvironment } from '../../connectors/environment.ts'
import { openEmbeddedLog } from '../../connectors/log-embedded/embedded-log.ts'
import { openEmbeddedReader } from '../../connectors/log-embedded/reader.ts'
import { ApiClient } from '../../load/process/api-client.ts'
import { BeamlineProcess } from '../../load/process/beamline-process.ts'
import { freePort } from '../../load/process/free-ports.ts'
import { decodeRecord } from '../../schemas/codec/wire.ts'
import type { BeamlineRecord } from '../../schemas/records/index.ts'
import { sourceOf, verifyHistory } from '../../topology/verify/verify-history.ts'

const ITEMS = 10_000
/** So that an operation takes 10 s: long enough to be struck half-way, on a slow machine too. */
const RATE = 1_000

const WAITS = 'flow: waits\nsteps:\n  - id: nap\n    type: wait\n    with: { for: 1h }\n'
const FAILS = 'flow: fails\nsteps:\n  - id: bad\n    type: fail\n    with: { code: NOT_YET, message: "no" }\n'

let dataFolder: string
let beamline: BeamlineProcess
let client: ApiClient

beforeEach(async () => {
  dataFolder = mkdtempSync(join(tmpdir(), 'beamline-operations-'))
  await start()
})

afterEach(async () => {
  await client.close()
  if (beamline.running) await beamline.kill()
  rmSync(dataFolder, { recursive: true, force: true })
})

async function start(): Promise<void> {
  beamline = await BeamlineProcess.start({ dataFolder, port: await freePort() })
  client = new ApiClient(beamline.url)
}

interface Operation {
  readonly status: string
  readonly matched: number
  readonly done: number
  readonly skipped: number
  readonly failed: number
}

const show = async (id: string) => (await client.call('GET', `/api/v1/operations/${id}`)).body as unknown as Operation

async function submit(flow: string, document: string, status: string): Promise<void> {
  await client.publish(document)
  const lines = Array.from({ length: ITEMS }, (_, i) => JSON.stringify({ flow, input: { i } }))
  const { status: code } = await client.call('POST', '/api/v1/runs/batch', lines.join('\n'), 'application/x-ndjson')
  expect(code).toBe(200)
  await untilCount(`/api/v1/runs/counts?flow=${flow}&status=${status}`, (body) => Number(body.total))
}

async function untilCount(path: string, count: (body: { [name: string]: unknown }) => number): Promise<void> {
  const options = { timeout: 120_000, interval: 50 }
  await vi.waitFor(async () => expect(count((await client.call('GET', path)).body)).toBe(ITEMS), options)
}

/** Starts the operation, kills the process when about half of it is done, and starts it again. Gives the operation's id and when the process was killed. */
async function killHalfWay(
  action: string,
  query: object,
): Promise<{ readonly id: string; readonly killedAtMs: number }> {
  const begun = await client.call('POST', '/api/v1/operations', { action, query, rate_per_s: RATE })
  expect(begun).toMatchObject({ status: 202, body: { matched: ITEMS, repeated: false } })
  const id = String(begun.body.operation_id)
  const options = { timeout: 60_000, interval: 10 }
  await vi.waitFor(async () => expect((await show(id)).done ?? 0).toBeGreaterThan(ITEMS * 0.4), options)
  const killedAtMs = Date.now()
  await beamline.kill()
  await client.close()
  await start()
  await vi.waitFor(async () => expect((await show(id)).status).toBe('finished'), { timeout: 60_000, interval: 50 })
  return { id, killedAtMs }
}

function eventsOf(folder: string): BeamlineRecord[] {
  const reader = openEmbeddedReader(folder)
  try {
    return reader
      .ends()
      .filter(({ topic }) => topic === 'events')
      .flatMap(({ partition, nextOffset }) => reader.read('events', partition, 0, nextOffset))
      .map((record) => decodeRecord(record.value))
  } finally {
    reader.close()
  }
}

/** Ids of the items, as the operation told them, in each process's time. */
function itemsOf(events: readonly BeamlineRecord[], killedAtMs: number) {
  const told = events.filter((event) => event.kind === 'OperationProgressed')
  const ids = (some: typeof told) => some.flatMap(({ items }) => items.map(({ id }) => id))
  return {
    before: ids(told.filter(({ atMs }) => atMs <= killedAtMs)),
    after: ids(told.filter(({ atMs }) => atMs > killedAtMs)),
    all: ids(told),
  }
}

async function itemsListed(id: string): Promise<readonly { readonly id: string; readonly run_status: string }[]> {
  const items: { readonly id: string; readonly run_status: string }[] = []
  for (let after = ''; ; ) {
    const { body } = await client.call('GET', `/api/v1/operations/${id}/items?limit=1000${after}`)
    items.push(...(body.items as typeof items))
    if (body.next === null) return items
    after = `&after=${body.next}`
  }
}

async function violations(settled: boolean) {
  const reader = openEmbeddedReader(dataFolder)
  const { partitions } = reader
  reader.close()
  const log = await openEmbeddedLog({ folder: dataFolder, partitions, environment: realEnvironment })
  try {
    const { violations: found, complete } = await verifyHistory(sourceOf(log), {}, { settled })
    return { found, complete }
  } finally {
    await log.close()
  }
}

const sorted = (ids: Iterable<string>) => [...ids].sort()

test(`a cancel of ${ITEMS} runs is killed half-way: each is cancelled once`, async () => {
  await submit('waits', WAITS, 'running')
  const { id, killedAtMs } = await killHalfWay('cancel', { flow: 'waits' })
  expect(await show(id)).toMatchObject({ matched: ITEMS, done: ITEMS, skipped: 0, failed: 0 })
  await untilCount('/api/v1/runs/counts?flow=waits&status=cancelled', (body) => Number(body.total))
  const listed = await itemsListed(id)
  expect(listed.every((item) => item.run_status === 'cancelled')).toBe(true)
  await beamline.stop()

  const events = eventsOf(dataFolder)
  const accepted = events.flatMap((event) => (event.kind === 'RunAccepted' ? [event.runId] : []))
  const cancelled = events.flatMap((event) => (event.kind === 'RunCancelled' ? [event.runId] : []))
  expect(accepted).toHaveLength(ITEMS)
  expect(sorted(cancelled)).toEqual(sorted(accepted))
  const items = itemsOf(events, killedAtMs)
  expect(items.before.length).toBeGreaterThan(0)
  expect(items.after.length).toBeGreaterThan(ITEMS * 0.1)
  expect(sorted(items.all)).toEqual(sorted(accepted))
  expect(sorted(listed.map((item) => item.id))).toEqual(sorted(accepted))
  expect(await violations(true)).toEqual({ found: [], complete: true })
})

test(`a replay of ${ITEMS} dead letters is killed half-way: each is replayed once`, async () => {
  await submit('fails', FAILS, 'failed')
  await untilCount('/api/v1/dlq/groups', (body) => (body.groups as { open: number }[])[0]?.open ?? 0)
  const { id, killedAtMs } = await killHalfWay('replay', { flow: 'fails', code: 'NOT_YET' })
  expect(await show(id)).toMatchObject({ matched: ITEMS, done: ITEMS, skipped: 0, failed: 0 })
  // what was replayed has failed again by now
  const failed = async () => (await client.call('GET', '/api/v1/runs/counts?flow=fails&status=failed')).body.total
  await vi.waitFor(async () => expect(await failed()).toBe(2 * ITEMS), { timeout: 120_000, interval: 100 })
  await beamline.stop()

  const events = eventsOf(dataFolder)
  const runs = events.flatMap((event) => (event.kind === 'RunAccepted' ? [event] : []))
  const first = runs.filter((run) => run.replayOf === null).map((run) => run.runId)
  const again = runs.filter((run) => run.replayOf !== null)
  const replayed = events.flatMap((event) => (event.kind === 'LetterReplayed' ? [event] : []))
  expect(first).toHaveLength(ITEMS)
  expect(sorted(replayed.map((event) => event.letterId))).toEqual(sorted(first))
  expect(sorted(again.map((run) => run.replayOf!))).toEqual(sorted(first))
  expect(again.every((run) => run.replayId === id)).toBe(true)
  const items = itemsOf(events, killedAtMs)
  expect(items.before.length).toBeGreaterThan(0)
  expect(items.after.length).toBeGreaterThan(ITEMS * 0.1)
  expect(sorted(items.all)).toEqual(sorted(first))
  expect(await violations(true)).toEqual({ found: [], complete: true })
})
