import { afterEach, expect, it, vi } from 'vitest'
import { realEnvironment } from '../../../connectors/environment.ts'
import { echoChain } from '../../../load/bench/flow-documents.ts'
import { submission } from '../../../load/bench/submission.ts'
import { PAYLOADS } from '../../../processors/result/run-store.ts'
import { encodeRecord } from '../../../schemas/codec/wire.ts'
import { DEFAULT_TENANT, newRunId } from '../../../schemas/ids.ts'
import { toJsonText } from '../../../schemas/json.ts'
import type { BeamlineRecord } from '../../../schemas/records/index.ts'
import type { Topic } from '../../../schemas/topics.ts'
import type { Log, OutRecord } from '../../../topology/log/port.ts'
import { Task } from '../../../topology/task/task.ts'
import { createTopology } from '../../../topology/topology.ts'
import { describeWithKafka } from '../../support/kafka.ts'
import { openTestLog, testClient } from './support.ts'

const out = (topic: Topic, message: BeamlineRecord): OutRecord => {
  const value = encodeRecord(message)
  return { topic, partition: 0, key: null, value, headers: null, handled: false, message: null }
}

const until = <T>(check: () => T) => vi.waitFor(check, { timeout: 60_000, interval: 5 })

await describeWithKafka('large inputs on Kafka', ({ bootstrap, unique }) => {
  const logs: Log[] = []
  afterEach(() => Promise.all(logs.splice(0).map((log) => log.close())))

  it('are there after a crash, though state only said where they lie; soon after it holds them itself', async () => {
    const prefix = `${unique('large')}.`
    const troubles: unknown[] = []
    const start = async () => {
      const log = await openTestLog(bootstrap, { prefix, partitions: 1 })
      logs.push(log)
      const observer = {
        phase: () => {},
        restored: () => {},
        restoreProgress: () => {},
        committed: () => {},
        counted: () => {},
        deadLettered: (...letter: unknown[]) => troubles.push(letter),
        reopening: (...error: unknown[]) => troubles.push(error),
      }
      const topology = createTopology()
      const task = new Task({ taskId: 0, log, environment: realEnvironment, topology, observer })
      task.start()
      await until(() => expect(task.phase).toBe('running'))
      return { log, task }
    }
    const first = await start()
    const runId = newRunId(0, () => realEnvironment.randomU32())
    const input = toJsonText({ index: 1, text: 'é"x\\'.repeat(8_000) })
    const text = toJsonText(echoChain('echo', 1))
    const flow = { flow: 'echo', version: 1, document: text, hash: '0'.repeat(64), publishedAtMs: 0, publishedBy: null }
    await first.log.append([out('control', { kind: 'FlowPublished', tenant: DEFAULT_TENANT, ...flow })])
    await first.log.append([out('ingest', submission('echo', input, runId, 0))])
    // nobody executes its step, so that the run stays
    await until(() => expect(first.task.state?.references.size).toBe(1))
    const committed = async (log: Log) =>
      (await log.describe()).find(({ topic }) => topic === 'ingest')!.committedOffset
    await vi.waitFor(async () => expect(await committed(first.log)).toBe(1), { timeout: 60_000 })
    first.task.kill()
    await first.log.close()

    const second = await start()
    const inputOf = (task: Task) => task.state?.store(PAYLOADS).rows.get(runId)?.text
    expect(inputOf(second.task)).toBe(input)
    await until(() => expect(second.task.state?.references.size).toBe(0))
    // with what it was taken from gone, it is still there
    await second.task.drain()
    const client = await testClient(bootstrap)
    const topic = `${prefix}ingest`
    await client.admin.fetchTopicOffsets(topic)
    await client.admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '1' }] })
    await client.close()
    const third = await start()
    expect(inputOf(third.task)).toBe(input)
    await third.task.drain()
    expect(troubles).toEqual([])
  })
})
