import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ApiClient } from '../../load/process/api-client.ts'
import { BeamlineProcess } from '../../load/process/beamline-process.ts'
import { freePort } from '../../load/process/free-ports.ts'
import { startBeamline } from '../../main.ts'
import { describeWithKafka } from '../support/kafka.ts'
import { describeWithPostgres, testPostgres } from '../support/postgres.ts'

const FLOW = `flow: hello
steps:
  - id: a
    type: echo
    with: { x: 1 }
`

const postgres = await testPostgres()

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'beamline-postgres-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

await describeWithPostgres('a whole process with its read model on Postgres', (postgres) => {
  it('runs flows, waits for them and lists them', async () => {
    const url = await postgres.database()
    const beamline = await startBeamline({ dataFolder: folder, port: 0, readModel: { kind: 'postgres', url } })
    const client = new ApiClient(beamline.url!)
    try {
      await client.publish(FLOW)
      const run = await client.call('POST', '/api/v1/runs?wait=60s', { flow: 'hello' })
      expect(run).toMatchObject({ status: 200, body: { status: 'completed', steps: [{ step_id: 'a' }] } })
      const page = await client.call('GET', '/api/v1/runs?flow=hello')
      expect(page.body).toMatchObject({ runs: [{ run_id: run.body.run_id }], next: null })
      expect((await client.call('GET', '/api/v1/runs?after=x')).status).toBe(400)
    } finally {
      await client.close()
      await beamline.close()
    }
  })
})

await describeWithKafka('roles on Kafka with the read model on Postgres', (kafka) => {
  describe.skipIf(postgres === null)('in processes of their own', () => {
    const processes: BeamlineProcess[] = []
    const clients: ApiClient[] = []
    afterEach(async () => {
      for (const client of clients.splice(0)) await client.close()
      await Promise.all(
        processes
          .splice(0)
          .filter((each) => each.running)
          .map((each) => each.kill()),
      )
    })

    const spawn = async (place: NodeJS.ProcessEnv, roles: string): Promise<BeamlineProcess> => {
      const port = await freePort()
      const health = roles.includes('gateway') ? {} : { BEAMLINE_HEALTH_PORT: String(port) }
      const env = { ...place, BEAMLINE_ROLES: roles, ...health }
      const started = BeamlineProcess.spawn({ dataFolder: join(folder, `process-${processes.length}`), port, env })
      processes.push(started)
      return started
    }
    const ready = (each: BeamlineProcess): Promise<void> =>
      vi.waitFor(async () => expect(await each.isReady(), each.output).toBe(true), { timeout: 120_000, interval: 100 })

    it('several gateways answer the same while projectors come and go', async () => {
      const place = {
        BEAMLINE_LOG: 'kafka',
        BEAMLINE_KAFKA_BROKERS: kafka.bootstrap.join(','),
        BEAMLINE_KAFKA_PREFIX: `${kafka.unique('postgres')}.`,
        BEAMLINE_READ_MODEL_KIND: 'postgres',
        BEAMLINE_READ_MODEL_URL: await postgres!.database(),
      }
      const engine = await spawn(place, 'tasks,execute:io')
      const gateways = [await spawn(place, 'gateway'), await spawn(place, 'gateway')]
      const projectors = [await spawn(place, 'read-model'), await spawn(place, 'read-model')]
      for (const each of [engine, ...gateways, ...projectors]) await ready(each)
      const [one, two] = gateways.map(({ url }) => {
        const client = new ApiClient(url)
        clients.push(client)
        return client
      }) as [ApiClient, ApiClient]
      await one.publish(FLOW)
      const runs = async (count: number): Promise<void> => {
        const asked = Array.from({ length: count }, (_, index) =>
          (index % 2 === 0 ? one : two).call('POST', '/api/v1/runs?wait=60s', { flow: 'hello' }),
        )
        // who projects now may still have to find out that the other one is gone
        for (const { body } of await Promise.all(asked)) {
          const status = async () => (await one.run(String(body.run_id))).body.status
          await expect.poll(status, { timeout: 120_000 }).toBe('completed')
        }
      }
      await runs(20)
      await projectors[0]!.kill()
      await runs(20)
      await projectors[1]!.kill()
      projectors.push(await spawn(place, 'read-model'))
      await runs(20)
      for (const client of [one, two]) {
        const { body } = await client.call('GET', '/api/v1/runs?limit=1000')
        expect(body.runs).toHaveLength(60)
      }
    })
  })
})
