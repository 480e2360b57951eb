import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  type KafkaClient,
  KafkaClientError,
  type TransactionalProducer,
} from '../../../connectors/kafka-client/contract.ts'
import { describeWithKafka } from '../../support/kafka.ts'
import { type Fault, startFaultProxy } from './fault-proxy.ts'
import { committedValues, connect, createTopic, numbersFrom, record } from './support.ts'

const PRODUCE = 0
const INIT = 22
const ADD_PARTITIONS = 24
const ADD_OFFSETS = 25
const END = 26
const TXN_OFFSET_COMMIT = 28
const OF_TRANSACTIONS = [PRODUCE, INIT, ADD_PARTITIONS, ADD_OFFSETS, END, TXN_OFFSET_COMMIT]

await describeWithKafka('transactions whose answers are lost', (kafka) => {
  let direct: KafkaClient

  beforeAll(async () => {
    direct = await connect(kafka.bootstrap)
  })
  afterAll(() => direct.close())

  interface Copy {
    readonly topic: string
    readonly reopened: number
    readonly struck: ReadonlyMap<string, number>
  }

  /** Counts from 0 into two partitions as a task would: after an error open anew, reread the committed offset, go on from there. */
  async function count(until: number, fault: (apiKey: number) => Fault): Promise<Copy> {
    const topic = kafka.unique('copy')
    const groupId = kafka.unique('copy-group')
    const id = kafka.unique('copy-id')
    await createTopic(direct, topic, 2)
    const proxy = await startFaultProxy(kafka.bootstrap, fault)
    const client = await connect(proxy.brokers, { requestTimeoutMs: 10_000 })
    const place = { topic: 'input', partition: 0 }
    let producer: TransactionalProducer | null = null
    let next = 0
    let reopened = -1
    try {
      while (next < until) {
        try {
          if (producer === null) {
            reopened++
            producer = await client.openTransactions(id, 10_000)
            next = (await client.committedOffsets(groupId, [{ ...place, topic }])).get(`${topic}/0`)?.offset ?? 0
          }
          const records = [0, 1].map((partition) => record(topic, partition, String(next)))
          await producer.commit({ records, groupId, offsets: [{ ...place, topic, offset: next + 1 }] })
          next++
        } catch (error) {
          if (!(error instanceof KafkaClientError)) throw error
          await producer?.close()
          producer = null
        }
      }
      await producer?.close()
    } finally {
      await client.close()
      await proxy.close()
    }
    return { topic, reopened, struck: proxy.struck }
  }

  async function expectEachOnce(topic: string, until: number): Promise<void> {
    const expected = Array.from({ length: until }, (_, number) => String(number))
    for (const partition of [0, 1]) expect(await committedValues(direct, topic, partition)).toEqual(expected)
  }

  it.each<Fault>(['lose', 'late', 'refuse'])('neither loses nor repeats: %s 5 in 100', async (kind) => {
    const number = numbersFrom(7)
    const copy = await count(200, (apiKey) => (OF_TRANSACTIONS.includes(apiKey) && number() < 0.05 ? kind : null))
    await expectEachOnce(copy.topic, 200)
    // Not a test of nothing: every kind of request of a transaction was struck.
    for (const apiKey of OF_TRANSACTIONS.filter((each) => each !== INIT)) {
      expect(copy.struck.get(`${kind} ${apiKey}`) ?? 0).toBeGreaterThan(0)
    }
  })

  it('knows the outcome of an end whose answer is lost, without opening anew', async () => {
    let ends = 0
    const copy = await count(20, (apiKey) => (apiKey === END && ++ends % 3 === 0 ? 'lose' : null))
    expect(copy.struck.get(`lose ${END}`)).toBeGreaterThan(5)
    expect(copy.reopened).toBe(0)
    await expectEachOnce(copy.topic, 20)
  })

  it('does not let a late end cut the next transaction in two', async () => {
    // Without a new epoch the late EndTxn would commit records of the next transaction before its offsets.
    let ends = 0
    const copy = await count(60, (apiKey) => (apiKey === END && ++ends % 2 === 0 ? 'late' : null))
    expect(copy.struck.get(`late ${END}`)).toBeGreaterThan(20)
    await expectEachOnce(copy.topic, 60)
  })
})
