/** A bulk operation over several processes on a real Kafka, of which those that do the work die half-way. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { ApiClient } from '../../load/process/api-client.ts'
import { BeamlineProcess } from '../../load/process/beamline-process.ts'
import { freePort } from '../../load/process/free-ports.ts'
import { describeWithKafka } from '../support/kafka.ts'

const ITEMS = 1_000
/** So that an operation takes 20 s: long enough to be struck half-way, on a slow machine too. */
const RATE = 50
const FLOW = 'flow: waits\nsteps:\n  - id: nap\n    type: wait\n    with: { for: 1h }\n'
const WAIT = { timeout: 90_000, interval: 50 }

let folder: string
const processes: BeamlineProcess[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'beamline-operations-'))
})

afterEach(async () => {
  await Promise.all(processes.splice(0).map((each) => each.kill()))
  rmSync(folder, { recursive: true, force: true })
})

async function spawn(brokers: readonly string[], prefix: string, roles: string): Promise<BeamlineProcess> {
  const port = await freePort()
  const env = {
    BEAMLINE_LOG: 'kafka',
    BEAMLINE_KAFKA_BROKERS: brokers.join(','),
    BEAMLINE_KAFKA_PREFIX: prefix,
    BEAMLINE_ROLES: roles,
    ...(roles.includes('gateway') ? {} : { BEAMLINE_HEALTH_PORT: String(port) }),
  }
  const dataFolder = join(folder, `process-${processes.length}`)
  const started = await BeamlineProcess.start({ dataFolder, port, env, readyWithinMs: 120_000 })
  processes.push(started)
  return started
}

await describeWithKafka('a bulk operation on Kafka', (kafka) => {
  it('goes on in another process when the first one dies, and does each item once', async () => {
    const [brokers, prefix] = [kafka.bootstrap, `${kafka.unique('operations')}.`]
    const [gateway, dying] = await Promise.all([
      spawn(brokers, prefix, 'gateway,read-model'),
      spawn(brokers, prefix, 'tasks,execute:io'),
    ])
    const client = new ApiClient(gateway.url)
    const get = async (path: string) => (await client.call('GET', path)).body
    await client.publish(FLOW)
    const lines = Array.from({ length: ITEMS }, (_, n) => JSON.stringify({ flow: 'waits', input: { n } }))
    await client.call('POST', '/api/v1/runs/batch', lines.join('\n'), 'application/x-ndjson')
    await vi.waitFor(async () => expect((await get('/api/v1/runs/counts?status=running')).total).toBe(ITEMS), WAIT)

    const asked = { action: 'cancel', query: { flow: 'waits' }, rate_per_s: RATE }
    const { status, body } = await client.call('POST', '/api/v1/operations', asked)
    expect([status, body.matched]).toEqual([202, ITEMS])
    const path = `/api/v1/operations/${String(body.operation_id)}`
    await vi.waitFor(async () => expect(Number((await get(path)).done)).toBeGreaterThan(ITEMS / 10), WAIT)
    await dying.kill()
    expect(await get(path)).toMatchObject({ status: 'running' })
    await spawn(brokers, prefix, 'tasks,execute:io')
    await vi.waitFor(async () => expect((await get(path)).status).toBe('finished'), WAIT)

    expect(await get(path)).toMatchObject({ matched: ITEMS, done: ITEMS, skipped: 0, failed: 0 })
    const ids: string[] = []
    for (let after = ''; ; ) {
      const page = await get(`${path}/items?limit=1000${after}`)
      ids.push(...(page.items as { id: string }[]).map(({ id }) => id))
      if (page.next === null) break
      after = `&after=${String(page.next)}`
    }
    expect(ids).toHaveLength(ITEMS)
    expect(new Set(ids).size).toBe(ITEMS)
    // a run that was cancelled is told of in its own partition
    await vi.waitFor(async () => expect((await get('/api/v1/runs/counts?status=cancelled')).total).toBe(ITEMS), WAIT)
    await client.close()
  })
})
