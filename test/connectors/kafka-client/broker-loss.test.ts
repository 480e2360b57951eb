import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import type { KafkaClient } from '../../../connectors/kafka-client/contract.ts'
import { describeWithCluster } from '../../support/kafka.ts'
import { connect, record, untilKnown } from './support.ts'

const TOPIC = 'kept'
const PARTITIONS = 3

await describeWithCluster('when a broker of three dies', { nodes: 3 }, (cluster) => {
  let client: KafkaClient

  beforeAll(async () => {
    client = await connect(cluster().bootstrap)
    await client.admin.createTopics({
      topics: [{ topic: TOPIC, numPartitions: PARTITIONS, replicationFactor: 3 }],
      waitForLeaders: false,
    })
    await untilKnown(client, TOPIC, PARTITIONS)
  })
  afterAll(() => client.close())

  it('every partition is read on, without loss or repetition, and a group goes on', async () => {
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: TOPIC, partition }))
    const fetcher = client.createFetcher()
    const read = new Map<number, number[]>(partitions.map(({ partition }) => [partition, []]))
    for (const each of partitions) {
      const feed = fetcher.add(each, 0)
      feed.onRecords(() => {
        for (const { offset } of feed.poll(1_000)) read.get(each.partition)!.push(offset)
      })
    }
    const held = new Set<number>()
    const member = await client.joinGroup({
      groupId: 'kept',
      partitions,
      sessionTimeoutMs: 20_000,
      rebalanceTimeoutMs: 20_000,
      heartbeatMs: 300,
      waitForRelease: true,
      onAssigned(given) {
        for (const { partition } of given) held.add(partition)
      },
      async onRevoked(taken) {
        for (const { partition } of taken) held.delete(partition)
      },
    })
    // each of the three leads one partition
    await cluster().kill(1)
    await client.append(partitions.map(({ partition }) => record(TOPIC, partition, 'without the first')))
    await member.commitOffsets(partitions.map((each) => ({ ...each, offset: 1 })))
    const lengths = () => [...read.values()].map(({ length }) => length)
    await vi.waitFor(() => expect(Math.min(...lengths())).toBeGreaterThanOrEqual(1), { timeout: 60_000 })
    // an append whose answer was lost may have been repeated, never a record skipped or read twice
    const ends = await client.listOffsets(partitions, 'stable')
    for (const [partition, offsets] of read) {
      const end = ends.get(`${TOPIC}/${partition}`)!
      await vi.waitFor(() => expect(offsets).toEqual(Array.from({ length: end }, (_, offset) => offset)), 60_000)
    }
    // its coordinator may have been the one that died
    await vi.waitFor(() => expect(held.size).toBe(PARTITIONS), 60_000)
    await member.leave()
    await fetcher.close()
  })
})
