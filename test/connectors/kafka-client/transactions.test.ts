import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { KafkaClient } from '../../../connectors/kafka-client/contract.ts'
import { CONSOLE_CONSUMER } from '../../../load/kafka/console-tools.ts'
import { describeWithKafka } from '../../support/kafka.ts'
import { committedValues, connect, createTopic, record } from './support.ts'

await describeWithKafka('transactions', (kafka) => {
  let client: KafkaClient
  const topic = kafka.unique('out')
  const groupId = kafka.unique('group')
  const id = kafka.unique('id')

  beforeAll(async () => {
    client = await connect(kafka.bootstrap)
    await createTopic(client, topic, 2)
  })
  afterAll(() => client.close())

  it('commits records and offsets as one, and answers where the records are', async () => {
    const producer = await client.openTransactions(id, 10_000)
    const offsets = [{ topic, partition: 1, offset: 7, metadata: 'seven' }]
    const first = await producer.commit({
      records: [record(topic, 0, 'a'), record(topic, 1, 'b'), record(topic, 0, 'c')],
      groupId,
      offsets,
    })
    expect(first).toEqual([0, 0, 1])
    // A commit marker takes an offset too.
    expect(await producer.commit({ records: [record(topic, 0, 'd')], groupId, offsets })).toEqual([3])
    expect(await committedValues(client, topic, 0)).toEqual(['a', 'c', 'd'])
    const asked = [0, 1].map((partition) => ({ topic, partition }))
    expect(await client.committedOffsets(groupId, asked)).toEqual(new Map([[`${topic}/1`, offsets[0]]]))
    await producer.close()
  })

  it('shows what is committed as it is, or waits for an open transaction that commits more', async () => {
    const place = { topic, partition: 0 }
    const key = `${topic}/0`
    const group = kafka.unique('open')
    const producer = await client.openTransactions(kafka.unique('id'), 10_000)
    await producer.commit({ records: [], groupId: group, offsets: [{ ...place, offset: 1 }] })
    await producer.close()
    const foreign = new Kafka({ brokers: [...kafka.bootstrap], logLevel: logLevel.NOTHING }).producer({
      transactionalId: kafka.unique('foreign'),
      maxInFlightRequests: 1,
    })
    await foreign.connect()
    const transaction = await foreign.transaction()
    await transaction.sendOffsets({
      consumerGroupId: group,
      topics: [{ topic, partitions: [{ partition: 0, offset: '2' }] }],
    })
    const settled = client.committedOffsets(group, [place])
    expect((await client.committedOffsets(group, [place], 'present')).get(key)?.offset).toBe(1)
    expect(client.health()).toEqual({ reachable: true, reason: null })
    await transaction.commit()
    expect((await settled).get(key)?.offset).toBe(2)
    await foreign.disconnect()
  })

  it('takes transactions without records, without offsets and without both', async () => {
    const producer = await client.openTransactions(id, 10_000)
    const offset = { topic, partition: 0, offset: 3 }
    expect(await producer.commit({ records: [], groupId, offsets: [offset] })).toEqual([])
    expect(await client.committedOffsets(groupId, [offset])).toEqual(new Map([[`${topic}/0`, offset]]))
    expect(await producer.commit({ records: [record(topic, 1, 'only')], groupId, offsets: [] })).toHaveLength(1)
    expect(await producer.commit({ records: [], groupId, offsets: [] })).toEqual([])
    await producer.close()
  })

  it('refuses a second transaction while one is under way', async () => {
    const producer = await client.openTransactions(id, 10_000)
    const first = producer.commit({ records: [record(topic, 0, 'one')], groupId, offsets: [] })
    await expect(producer.commit({ records: [record(topic, 0, 'two')], groupId, offsets: [] })).rejects.toMatchObject({
      code: 'REFUSED',
    })
    await first
    await producer.close()
  })

  it('is fenced by the next owner of its id, and nothing of it is seen', async () => {
    const fenced = kafka.unique('fenced')
    await createTopic(client, fenced, 1)
    const old = await client.openTransactions(id, 10_000)
    const next = await client.openTransactions(id, 10_000)
    const offsets = [{ topic: fenced, partition: 0, offset: 1 }]
    await next.commit({ records: [record(fenced, 0, 'next')], groupId, offsets })
    await expect(
      old.commit({ records: [record(fenced, 0, 'old')], groupId, offsets: [{ ...offsets[0]!, offset: 99 }] }),
    ).rejects.toMatchObject({ code: 'FENCED', message: expect.stringContaining(id) })
    await next.commit({ records: [record(fenced, 0, 'next again')], groupId, offsets: [] })
    expect(await committedValues(client, fenced, 0)).toEqual(['next', 'next again'])
    expect((await client.committedOffsets(groupId, offsets)).get(`${fenced}/0`)?.offset).toBe(1)
    await expect(old.commit({ records: [record(fenced, 0, 'x')], groupId, offsets: [] })).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
    })
    await old.close()
    await next.close()
  })

  it('writes nothing of a transaction with a record that is too large, and says how large', async () => {
    const small = kafka.unique('small')
    await createTopic(client, small, 2, { 'max.message.bytes': '5000' })
    const producer = await client.openTransactions(id, 10_000)
    const records = [record(small, 0, 'fits'), record(small, 1, crypto.getRandomValues(new Uint8Array(6_000)))]
    await expect(producer.commit({ records, groupId, offsets: [] })).rejects.toMatchObject({
      code: 'RECORD_TOO_LARGE',
      message: expect.stringMatching(new RegExp(`60\\d\\d bytes for ${small}/1 .* 5000 `)),
    })
    await producer.close()
    // The abort needs no new owner: readers are not held up.
    expect(await committedValues(client, small, 0)).toEqual([])
  })

  it('cuts what is too large together but not alone, in order and once', async () => {
    const small = kafka.unique('cut')
    await createTopic(client, small, 1, { 'max.message.bytes': '5000' })
    const producer = await client.openTransactions(id, 10_000)
    const values = Array.from(
      { length: 9 },
      (_, index) => `${index}${Buffer.from(crypto.getRandomValues(new Uint8Array(700))).toString('hex')}`,
    )
    const offsets = await producer.commit({
      records: values.map((value) => record(small, 0, value)),
      groupId,
      offsets: [],
    })
    expect(offsets).toEqual(values.map((_, index) => index))
    await producer.commit({ records: [record(small, 0, 'after')], groupId, offsets: [] })
    expect(await committedValues(client, small, 0)).toEqual([...values, 'after'])
    await producer.close()
  })

  it('writes more than one batch to a partition in one transaction', async () => {
    const large = kafka.unique('large')
    await createTopic(client, large, 1)
    const producer = await client.openTransactions(id, 10_000)
    const values = Array.from({ length: 40 }, (_, index) => `${index} ${'x'.repeat(100_000)}`)
    const offsets = await producer.commit({
      records: values.map((value) => record(large, 0, value)),
      groupId,
      offsets: [],
    })
    expect(offsets).toEqual(values.map((_, index) => index))
    expect((await committedValues(client, large, 0)).map((value) => value.length)).toEqual(
      values.map((value) => value.length),
    )
    await producer.close()
  })

  it('names a topic that does not exist', async () => {
    const producer = await client.openTransactions(id, 20_000)
    await expect(
      producer.commit({ records: [record('no-such-topic', 0, 'x')], groupId, offsets: [] }),
    ).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC', message: expect.stringContaining('no-such-topic/0') })
    await producer.close()
  })

  it('is read by the Java client as all or nothing', async () => {
    const seen = kafka.unique('seen')
    await createTopic(client, seen, 1)
    const producer = await client.openTransactions(id, 10_000)
    const packed = 'packed '.repeat(400)
    await producer.commit({ records: [record(seen, 0, 'first'), record(seen, 0, packed)], groupId, offsets: [] })
    await producer.close()
    const { stdout } = await kafka.tool(CONSOLE_CONSUMER, [
      ...['--bootstrap-server', kafka.bootstrap[0]!, '--topic', seen, '--from-beginning', '--max-messages', '2'],
      ...['--isolation-level', 'read_committed', '--timeout-ms', '60000', '--property', 'print.headers=true'],
    ])
    const lines = stdout.split('\n').filter((line) => line.startsWith('name:'))
    expect(lines).toEqual(['name:x\tfirst', `name:x\t${packed}`])
  })
})
