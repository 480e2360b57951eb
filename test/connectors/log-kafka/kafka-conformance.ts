import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll } from 'vitest'
import type { KafkaClient } from '../../../connectors/kafka-client/contract.ts'
import type { Log } from '../../../topology/log/port.ts'
import { type LogHarness, PARTITIONS } from '../../conformance/log/harness.ts'
import { logConformance } from '../../conformance/log/log-conformance.ts'
import { createWriteFaults } from './faulty-client.ts'
import { deleteTopics, openTestLog, testClient } from './support.ts'

/** The conformance suite of the log port against a broker; `bootstrap` is asked in hooks and tests only. */
export function kafkaConformance(name: string, bootstrap: () => readonly string[]): void {
  let admin: KafkaClient
  beforeAll(async () => {
    admin = await testClient(bootstrap())
  })
  afterAll(() => admin?.close())

  logConformance(name, async (): Promise<LogHarness> => {
    const prefix = `conformance-${randomBytes(5).toString('hex')}.`
    const faults = createWriteFaults()
    const deaths = new Map<Log, () => Promise<void>>()
    return {
      async open() {
        let client: KafkaClient | null = null
        const log = await openTestLog(bootstrap(), {
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
}
