/** A process that is stopped before it was ready is not waited for by the others. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { BeamlineProcess } from '../../load/process/beamline-process.ts'
import { freePort } from '../../load/process/free-ports.ts'
import { startFaultProxy } from '../connectors/kafka-client/fault-proxy.ts'
import { deleteTopics, testClient } from '../connectors/log-kafka/support.ts'
import { describeWithKafka } from '../support/kafka.ts'

const INIT_PRODUCER_ID = 22
const WAIT = { interval: 50 }

let dataFolder: string

beforeEach(() => {
  dataFolder = mkdtempSync(join(tmpdir(), 'beamline-starting-'))
})

afterEach(() => {
  rmSync(dataFolder, { recursive: true, force: true })
})

await describeWithKafka('stopped before it was ready', (kafka) => {
  it('a process leaves its groups', async () => {
    const prefix = `${kafka.unique('starting')}.`
    // its tasks are never opened, so it is a member of their group and not ready
    const proxy = await startFaultProxy(kafka.bootstrap, (apiKey) => (apiKey === INIT_PRODUCER_ID ? 'refuse' : null))
    const client = await testClient(kafka.bootstrap)
    const members = async (): Promise<number> => {
      const { groups } = await client.admin.describeGroups([`${prefix}tasks`])
      return groups[0]?.members.length ?? 0
    }
    const beamline = BeamlineProcess.spawn({
      dataFolder,
      port: await freePort(),
      env: {
        BEAMLINE_LOG: 'kafka',
        BEAMLINE_KAFKA_BROKERS: proxy.brokers.join(','),
        BEAMLINE_KAFKA_PREFIX: prefix,
        BEAMLINE_KAFKA_SESSION_TIMEOUT: '1m',
        BEAMLINE_ROLES: 'tasks,gateway,read-model',
      },
    })
    try {
      await expect.poll(members, WAIT).toBe(1)
      expect(await beamline.isReady()).toBe(false)
      expect(await beamline.stop()).toBe(130)
      expect(beamline.output).toMatch('stopped before it was ready')
      // far from the end of its session
      expect(await members()).toBe(0)
    } finally {
      if (beamline.running) await beamline.kill()
      await proxy.close()
      await deleteTopics(client, prefix)
      await client.close()
    }
  })
})
