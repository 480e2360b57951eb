import { Kafka, logLevel, type Producer, type Transaction } from 'kafkajs'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import type { Feed, Fetcher, FetcherOptions, KafkaClient } from '../../../connectors/kafka-client/contract.ts'
import { consoleProducer } from '../../../load/kafka/console-tools.ts'
import { describeWithKafka } from '../../support/kafka.ts'
import { startFaultProxy } from './fault-proxy.ts'
import { connect, createTopic, numbersFrom, record } from './support.ts'

/** Collects what a feed gives until the condition holds; what it throws is thrown. */
function readUntil(feed: Feed, done: (values: readonly string[]) => boolean): Promise<readonly string[]> {
  const values: string[] = []
  let finished = false
  return new Promise((resolve, reject) => {
    const read = (): void => {
      // What comes later is for the next reader.
      if (finished) return
      try {
        for (let some = feed.poll(7); some.length > 0; some = feed.poll(7)) {
          values.push(...some.map(({ value }) => String(value)))
        }
        finished = done(values)
        if (finished) resolve(values)
      } catch (error) {
        reject(error)
      }
    }
    feed.onRecords(read)
    read()
  })
}

/** A long poll that outlasts every test: who waits for its end does not pass. */
const LONG_MS = 3_600_000

const FETCH = 1

const count = (wanted: number) => (values: readonly string[]) => values.length >= wanted

await describeWithKafka('a fetcher', (kafka) => {
  let client: KafkaClient
  const fetchers: Fetcher[] = []

  const fetcherWith = (options: FetcherOptions = {}): Fetcher => {
    const fetcher = client.createFetcher(options)
    fetchers.push(fetcher)
    return fetcher
  }

  beforeAll(async () => {
    client = await connect(kafka.bootstrap)
  })
  afterAll(async () => {
    for (const fetcher of fetchers) await fetcher.close()
    await client.close()
  })

  it('gives what is appended while it waits, soon', async () => {
    const topic = kafka.unique('soon')
    await createTopic(client, topic, 1)
    const feed = fetcherWith({ maxWaitMs: LONG_MS }).add({ topic, partition: 0 }, 0)
    await client.append([record(topic, 0, 'first')])
    await readUntil(feed, count(1))
    await client.append([record(topic, 0, 'second')])
    expect(await readUntil(feed, count(1))).toEqual(['second'])
    expect([feed.position, feed.stableEnd]).toEqual([2, 2])
  })

  it('leaves the next request while records gather', async () => {
    const topic = kafka.unique('gather')
    await createTopic(client, topic, 1)
    let requests = 0
    const proxy = await startFaultProxy(kafka.bootstrap, (apiKey) => {
      if (apiKey === FETCH) requests++
      return null
    })
    const through = await connect(proxy.brokers)
    const fetcher = through.createFetcher({ maxWaitMs: LONG_MS, gatherMs: () => 500 })
    const values = Array.from({ length: 60 }, (_, index) => String(index))
    const read = readUntil(fetcher.add({ topic, partition: 0 }, 0), count(values.length))
    for (const value of values) await client.append([record(topic, 0, value)])
    expect(await read).toEqual(values)
    expect(requests).toBeLessThan(values.length / 2)
    await through.close()
    await proxy.close()
  })

  it('does not let a feed that is added wait for the long poll of the others', async () => {
    const topic = kafka.unique('added')
    await createTopic(client, topic, 6)
    await client.append(Array.from({ length: 6 }, (_, partition) => record(topic, partition, `p${partition}`)))
    const fetcher = fetcherWith({ maxWaitMs: LONG_MS })
    for (let partition = 0; partition < 6; partition++) {
      const feed = fetcher.add({ topic, partition }, 0)
      expect(await readUntil(feed, count(1))).toEqual([`p${partition}`])
    }
  })

  it('reads other partitions on while one is not polled, and that one later from where it was', async () => {
    const topic = kafka.unique('slow')
    await createTopic(client, topic, 2)
    const values = Array.from({ length: 200 }, (_, index) => `${index}`.padStart(1_000))
    const fetcher = fetcherWith({ maxBufferedBytes: 10_000, maxWaitMs: 20_000 })
    const slow = fetcher.add({ topic, partition: 0 }, 0)
    const quick = fetcher.add({ topic, partition: 1 }, 0)
    for (const value of values) await client.append([record(topic, 0, value), record(topic, 1, value)])
    expect(await readUntil(quick, count(200))).toEqual(values)
    expect(slow.position).toBe(0)
    expect(await readUntil(slow, count(200))).toEqual(values)
  })

  it('goes on with batches that are larger than its buffer, in every partition', async () => {
    const topic = kafka.unique('large')
    await createTopic(client, topic, 3)
    const feeds = [0, 1, 2].map((partition) => {
      return fetcherWith({ maxBufferedBytes: 1_000 }).add({ topic, partition }, 0)
    })
    const random = numbersFrom(1)
    const large = Array.from({ length: 100_000 }, () => Math.floor(random() * 36).toString(36)).join('')
    for (let round = 0; round < 4; round++) {
      await client.append([0, 1, 2].map((partition) => record(topic, partition, `${round}${large}`)))
    }
    for (const feed of feeds) {
      expect((await readUntil(feed, count(4))).map((value) => value[0])).toEqual(['0', '1', '2', '3'])
    }
  })

  it('begins in the middle of a batch', async () => {
    const topic = kafka.unique('middle')
    await createTopic(client, topic, 1)
    await client.append(['a', 'b', 'c', 'd'].map((value) => record(topic, 0, value)))
    const feed = fetcherWith().add({ topic, partition: 0 }, 2)
    expect(await readUntil(feed, count(2))).toEqual(['c', 'd'])
  })

  it('gives only committed records of interleaved transactions, also of a producer that begins again', async () => {
    const topic = kafka.unique('interleaved')
    await createTopic(client, topic, 1)
    const js = new Kafka({ brokers: [...kafka.bootstrap], logLevel: logLevel.NOTHING })
    const producers: Producer[] = []
    for (let index = 0; index < 3; index++) {
      const transactionalId = kafka.unique('interleaved')
      const producer = js.producer({ transactionalId, maxInFlightRequests: 1, idempotent: true })
      await producer.connect()
      producers.push(producer)
    }
    const random = numbersFrom(7)
    const open = new Map<Producer, { transaction: Transaction; values: string[] }>()
    const written: string[] = []
    const committed = new Set<string>()
    let aborts = 0
    for (let step = 0; step < 60 || open.size > 0; step++) {
      const producer = producers[Math.floor(random() * 3)]!
      const mine = open.get(producer)
      if (step < 60 && (mine === undefined || random() < 0.6)) {
        const value = `${step}`
        const { transaction, values } = mine ?? { transaction: await producer.transaction(), values: [] }
        await transaction.send({ topic, messages: [{ partition: 0, value }] })
        written.push(value)
        open.set(producer, { transaction, values: [...values, value] })
      } else if (mine !== undefined) {
        open.delete(producer)
        if (random() < 0.5) {
          await mine.transaction.commit()
          for (const value of mine.values) committed.add(value)
        } else {
          await mine.transaction.abort()
          aborts++
        }
      }
    }
    for (const producer of producers) await producer.disconnect()
    expect(aborts).toBeGreaterThan(3)
    await client.append([record(topic, 0, 'end')])
    const feed = fetcherWith().add({ topic, partition: 0 }, 0)
    const found = await readUntil(feed, (values) => values.at(-1) === 'end')
    expect(found).toEqual([...written.filter((value) => committed.has(value)), 'end'])
  })

  it('moves past markers and aborted records by itself, up to the stable end', async () => {
    const topic = kafka.unique('tail')
    await createTopic(client, topic, 1)
    const producer = new Kafka({ brokers: [...kafka.bootstrap], logLevel: logLevel.NOTHING }).producer({
      transactionalId: kafka.unique('tail'),
      maxInFlightRequests: 1,
      idempotent: true,
    })
    await producer.connect()
    for (const end of ['commit', 'abort'] as const) {
      const transaction = await producer.transaction()
      await transaction.send({ topic, messages: [{ partition: 0, value: end }] })
      await transaction[end]()
    }
    await producer.disconnect()
    // the markers are written after the end was confirmed
    await vi.waitFor(async () => {
      expect((await client.listOffsets([{ topic, partition: 0 }], 'stable')).get(`${topic}/0`)).toBe(4)
    }, 60_000)
    const feed = fetcherWith().add({ topic, partition: 0 }, 0)
    expect(await readUntil(feed, () => feed.position === 4)).toEqual(['commit'])
    const onlyMarkers = fetcherWith().add({ topic, partition: 0 }, 1)
    expect(await readUntil(onlyMarkers, () => onlyMarkers.position === 4)).toEqual([])
  })

  it('stops at an offset that is deleted or not there yet, and says which', async () => {
    const topic = kafka.unique('retention')
    await createTopic(client, topic, 2)
    for (let index = 0; index < 10; index++) await client.append([record(topic, 0, `${index}`)])
    // lets kafkajs know of the topic
    await client.admin.fetchTopicOffsets(topic)
    await client.admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '5' }] })
    const fetcher = fetcherWith()
    const deleted = fetcher.add({ topic, partition: 0 }, 0)
    const missing = fetcher.add({ topic, partition: 1 }, 7)
    const message = `${topic}/0: the broker answered OFFSET_OUT_OF_RANGE (at offset 0)`
    await expect(readUntil(deleted, () => false)).rejects.toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
      message: expect.stringContaining(message),
    })
    await expect(readUntil(missing, () => false)).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' })
    const kept = fetcher.add({ topic, partition: 0 }, 5)
    expect(await readUntil(kept, count(5))).toEqual(['5', '6', '7', '8', '9'])
  })

  it('fails the feed of a topic that is not there, and reads the others', async () => {
    const [topic, absent] = [kafka.unique('there'), kafka.unique('absent')]
    await createTopic(client, topic, 1)
    const fetcher = fetcherWith()
    const lost = fetcher.add({ topic: absent, partition: 0 }, 0)
    const feed = fetcher.add({ topic, partition: 0 }, 0)
    await client.append([record(topic, 0, 'x')])
    expect(await readUntil(feed, count(1))).toEqual(['x'])
    await expect(readUntil(lost, () => false)).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC' })
  })

  it.each(['gzip', 'snappy', 'lz4', 'zstd'])("reads what Kafka's own producer has packed with %s", async (codec) => {
    const topic = kafka.unique(codec)
    await createTopic(client, topic, 1)
    const lines = Array.from({ length: 3_000 }, (_, index) => `line ${index} ${'abc'.repeat(index % 50)}`)
    const server = ['--bootstrap-server', kafka.bootstrap.join(','), '--topic', topic, '--compression-codec', codec]
    const sent = await kafka.tool(consoleProducer(kafka.version), server, { stdin: lines.join('\n') })
    expect(sent.code).toBe(0)
    const feed = fetcherWith().add({ topic, partition: 0 }, 0)
    expect(await readUntil(feed, count(lines.length))).toEqual(lines)
  })

  it('gives nothing more to a feed that is closed, and reads the partition anew when it is added again', async () => {
    const topic = kafka.unique('again')
    await createTopic(client, topic, 1)
    await client.append([record(topic, 0, 'a'), record(topic, 0, 'b')])
    const fetcher = fetcherWith()
    const first = fetcher.add({ topic, partition: 0 }, 0)
    await readUntil(first, count(2))
    first.close()
    await client.append([record(topic, 0, 'c')])
    const second = fetcher.add({ topic, partition: 0 }, 1)
    expect(await readUntil(second, count(2))).toEqual(['b', 'c'])
    expect(first.poll(10)).toEqual([])
  })
})
