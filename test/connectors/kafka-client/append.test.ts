import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import type { KafkaClient } from '../../../connectors/kafka-client/contract.ts'
import { describeWithKafka } from '../../support/kafka.ts'
import { startFaultProxy } from './fault-proxy.ts'
import { committedValues, connect, createTopic, numbersFrom, record } from './support.ts'

const PRODUCE = 0

await describeWithKafka('appends', (kafka) => {
  let client: KafkaClient

  beforeAll(async () => {
    client = await connect(kafka.bootstrap)
  })
  afterAll(() => client.close())

  it('answers the offsets in the order of the records, whatever partitions they are for', async () => {
    const topic = kafka.unique('order')
    await createTopic(client, topic, 3)
    const records = [2, 0, 2, 1, 0, 2].map((partition, index) => record(topic, partition, `r${index}`))
    expect(await client.append(records)).toEqual([0, 0, 1, 0, 1, 2])
    expect(await client.append([])).toEqual([])
    expect(await committedValues(client, topic, 2)).toEqual(['r0', 'r2', 'r5'])
  })

  it('keeps the order of the calls within a partition, and sends what waits together', async () => {
    const topic = kafka.unique('together')
    await createTopic(client, topic, 1)
    let requests = 0
    const proxy = await startFaultProxy(kafka.bootstrap, (apiKey) => {
      if (apiKey === PRODUCE) requests++
      return null
    })
    const through = await connect(proxy.brokers)
    const values = Array.from({ length: 2_000 }, (_, index) => String(index))
    const offsets = await Promise.all(values.map((value) => through.append([record(topic, 0, value)])))
    expect(offsets.flat()).toEqual(values.map(Number))
    expect(await committedValues(client, topic, 0)).toEqual(values)
    expect(requests).toBeLessThan(10)
    await through.close()
    await proxy.close()
  })

  it('loses nothing when answers are lost and connections end; may repeat', async () => {
    const topic = kafka.unique('lossy')
    await createTopic(client, topic, 2)
    const number = numbersFrom(3)
    const proxy = await startFaultProxy(kafka.bootstrap, (apiKey) =>
      apiKey === PRODUCE && number() < 0.1 ? (number() < 0.5 ? 'lose' : 'refuse') : null,
    )
    const through = await connect(proxy.brokers)
    const values = Array.from({ length: 300 }, (_, index) => String(index))
    for (let at = 0; at < values.length; at += 3) {
      await Promise.all(
        values.slice(at, at + 3).map((value) => through.append([record(topic, 0, value), record(topic, 1, value)])),
      )
    }
    for (const partition of [0, 1]) {
      const written = await committedValues(client, topic, partition)
      expect([...new Set(written)]).toEqual(values)
      expect(written.length).toBeGreaterThan(values.length)
    }
    await through.close()
    await proxy.close()
  })

  it('lets appends to topics that are apart wait for no others, and answers for both in the order of the records', async () => {
    const [apart, other] = [kafka.unique('apart'), kafka.unique('other')]
    await createTopic(client, apart, 1)
    await createTopic(client, other, 1)
    const proxy = await startFaultProxy(kafka.bootstrap, (apiKey) =>
      apiKey === PRODUCE && proxy.struck.size === 0 ? 'swallow' : null,
    )
    const through = await connect(proxy.brokers, { appendsApart: new Set([apart]) })
    const unanswered = through.append([record(other, 0, 'first')]).catch((error: Error) => error)
    await vi.waitFor(() => expect(proxy.struck.get(`swallow ${PRODUCE}`)).toBe(1), 10_000)
    expect(await through.append([record(apart, 0, 'a'), record(apart, 0, 'b')])).toEqual([0, 1])
    await through.close()
    expect(await unanswered).toBeInstanceOf(Error)
    await proxy.close()

    const direct = await connect(kafka.bootstrap, { appendsApart: new Set([apart]) })
    const mixed = [other, apart, other, apart].map((topic) => record(topic, 0, 'mixed'))
    expect(await direct.append(mixed)).toEqual([1, 2, 2, 3])
    await direct.close()
  })

  it('says which record is too large, and writes its neighbours', async () => {
    const topic = kafka.unique('small')
    await createTopic(client, topic, 1, { 'max.message.bytes': '5000' })
    const bytes = crypto.getRandomValues(new Uint8Array(6_000))
    const [before, large, after] = await Promise.allSettled([
      client.append([record(topic, 0, 'before')]),
      client.append([record(topic, 0, bytes)]),
      client.append([record(topic, 0, 'after')]),
    ])
    expect(before).toMatchObject({ value: [0] })
    expect(large).toMatchObject({
      reason: {
        code: 'RECORD_TOO_LARGE',
        message: expect.stringMatching(new RegExp(`60\\d\\d bytes for ${topic}/0 .* 5000 `)),
      },
    })
    expect(after).toMatchObject({ value: [1] })
  })

  it('takes a value of megabytes that packs well, and one that does not where the topic allows it', async () => {
    const topic = kafka.unique('huge')
    await createTopic(client, topic, 1, { 'max.message.bytes': '4000000' })
    const even = 'x'.repeat(6_000_000)
    const uneven = Buffer.concat(Array.from({ length: 50 }, () => crypto.getRandomValues(new Uint8Array(60_000))))
    expect(await client.append([record(topic, 0, even), record(topic, 0, uneven)])).toEqual([0, 1])
    const lengths = (await committedValues(client, topic, 0)).map((value) => value.length)
    expect(lengths).toEqual([even.length, uneven.toString().length])
  })

  it('names a topic or partition that does not exist, and goes on with others', async () => {
    const topic = kafka.unique('exists')
    await createTopic(client, topic, 1)
    const [missing, beyond, there] = await Promise.allSettled([
      client.append([record('no-such-topic', 0, 'x')]),
      client.append([record(topic, 5, 'x')]),
      client.append([record(topic, 0, 'x')]),
    ])
    const unknown = (name: string) => ({ reason: { code: 'UNKNOWN_TOPIC', message: expect.stringContaining(name) } })
    expect(missing).toMatchObject(unknown('no-such-topic'))
    expect(beyond).toMatchObject(unknown(`${topic}/5`))
    expect(there).toMatchObject({ value: [0] })
  })

  it('carries a timestamp, null keys and values, and several headers of one name', async () => {
    const topic = kafka.unique('fields')
    await createTopic(client, topic, 1)
    const headers = [
      ['h', Buffer.from('1')],
      ['h', Buffer.from('2')],
      ['empty', Buffer.alloc(0)],
    ] as const
    const bare = { topic, partition: 0, key: null, value: null, headers, timestampMs: 1_600_000_000_123 }
    const later = {
      ...bare,
      key: Buffer.alloc(0),
      value: Buffer.from('ü€'),
      headers: [],
      timestampMs: 1_700_000_000_456,
    }
    await client.append([bare, later, { ...later, timestampMs: 1_500_000_000_000 }])
    const fetcher = client.createFetcher()
    const feed = fetcher.add({ topic, partition: 0 }, 0)
    const stored = await new Promise<ReturnType<typeof feed.poll>>((resolve) =>
      feed.onRecords(() => resolve(feed.poll(9))),
    )
    expect(stored.map(({ timestampMs }) => timestampMs)).toEqual([
      1_600_000_000_123, 1_700_000_000_456, 1_500_000_000_000,
    ])
    expect(stored[0]).toMatchObject({ key: null, value: null })
    expect(stored[0]!.headers.map(([name, value]) => [name, String(value)])).toEqual([
      ['h', '1'],
      ['h', '2'],
      ['empty', ''],
    ])
    expect([String(stored[1]!.key), String(stored[1]!.value)]).toEqual(['', 'ü€'])
    await fetcher.close()
  })

  it('fails what waits when the client closes', async () => {
    const other = await connect(kafka.bootstrap)
    const waiting = other.append([record(kafka.unique('never'), 0, 'x')])
    const closed = other.close()
    await expect(waiting).rejects.toMatchObject({ code: 'CLOSED' })
    await closed
    await expect(other.append([record('any', 0, 'x')])).rejects.toMatchObject({ code: 'CLOSED' })
  })
})
