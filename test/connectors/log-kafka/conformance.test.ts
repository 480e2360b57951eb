import { afterAll, beforeAll } from 'vitest'
import type { KafkaClient } from '../../../connectors/kafka-client/contract.ts'
import type { Log } from '../../../topology/log/port.ts'
import { type LogHarness, PARTITIONS } from '../../conformance/log/harness.ts'
import { logConformance } from '../../conformance/log/log-conformance.ts'
import { describeWithKafka } from '../../support/kafka.ts'
import { createWriteFaults } from './faulty-client.ts'
import { deleteTopics, openTestLog, testClient } from './support.ts'

await describeWithKafka('the log on Kafka', ({ bootstrap, unique }) => {
  let admin: KafkaClient
  beforeAll(async () => {
    admin = await testClient(bootstrap)
  })
  afterAll(() => admin?.close())

  logConformance('kafka', async (): Promise<LogHarness> => {
    const prefix = `${unique('conformance')}.`
    const faults = createWriteFaults()
    const deaths = new Map<Log, () => Promise<void>>()
    return {
      async open() {
        let client: KafkaClient | null = null
        const log = await openTestLog(bootstrap, {
          prefix,
          partitions: PARTITIONS,
          interpose: (made) => {
            client = made
            return faults.interpose(made)
          },
        })
        deaths.set(log, async () => client?.close())
        return log
      },
      async crash(log) {
        faults.drop()
        await deaths.get(log)?.()
      },
      dispose: () => deleteTopics(admin, prefix),
      faults,
    }
  })
})
