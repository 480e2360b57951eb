import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import type { KafkaClient } from '../../../connectors/kafka-client/contract.ts'
import { manageTopics } from '../../../connectors/log-kafka/topics-tool.ts'
import type { Log } from '../../../topology/log/port.ts'
import { entry, readAll, record, request, texts } from '../../conformance/log/harness.ts'
import { describeWithKafka } from '../../support/kafka.ts'
import { untilKnown } from '../kafka-client/support.ts'
import { openTestLog, type TestOptions, testClient, testOptions } from './support.ts'

await describeWithKafka('opening the log on Kafka', ({ bootstrap, unique }) => {
  let client: KafkaClient
  const opened: Log[] = []
  beforeAll(async () => {
    client = await testClient(bootstrap)
  })
  afterAll(() => client?.close())
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((log) => log.close()))
  })

  const newPrefix = (): string => `${unique('open')}.`
  const open = async (options: TestOptions): Promise<Log> => {
    const log = await openTestLog(bootstrap, options)
    opened.push(log)
    return log
  }
  const createTopic = async (topic: string, numPartitions = 2, config: Readonly<Record<string, string>> = {}) => {
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }))
    await client.admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions, configEntries }] })
    await untilKnown(client, topic, numPartitions)
  }
  const put = (topic: string, value: string) =>
    client.append([{ topic, partition: 0, key: Buffer.from('k'), value: Buffer.from(value), headers: [] }])

  it('finds the same deployment again, also when several processes create it at once', async () => {
    const prefix = newPrefix()
    const logs = await Promise.all([1, 2, 3].map(() => open({ prefix })))
    expect(new Set(logs.map(({ id }) => id)).size).toBe(1)
    expect(logs[0]!.id).toMatch(/^[0-9a-f]{32}$/)
    const { partitions: _, ...without } = testOptions(bootstrap, { prefix })
    expect((await open(without as TestOptions)).partitions).toBe(2)
    expect((await open({ prefix: newPrefix() })).id).not.toBe(logs[0]!.id)
  })

  it('refuses another number of partitions', async () => {
    const prefix = newPrefix()
    await open({ prefix })
    await expect(open({ prefix, partitions: 3 })).rejects.toMatchObject({
      code: 'PARTITIONS_DIFFER',
      retriable: false,
      message: expect.stringContaining('has 2 partitions; configured are 3'),
    })
    await expect(open({ prefix: newPrefix(), partitions: 0 })).rejects.toThrow('expected a whole number from 1 to 1024')
  })

  it('refuses a topic with another number of partitions', async () => {
    const prefix = newPrefix()
    await createTopic(`${prefix}route`, 5)
    await expect(open({ prefix })).rejects.toMatchObject({
      code: 'PARTITIONS_DIFFER',
      message: expect.stringContaining(`topic ${prefix}route has 5 partitions; expected 2`),
    })
  })

  it('mends an empty changelog that is not compacted, and refuses one that was in use', async () => {
    const prefix = newPrefix()
    await createTopic(`${prefix}changelog`, 2, { 'cleanup.policy': 'delete', 'segment.index.bytes': '1048576' })
    const log = await open({ prefix })
    const config = async (): Promise<ReadonlyMap<string, string>> => {
      const resources = [{ type: 2, name: `${prefix}changelog` }]
      const found = await client.admin.describeConfigs({ resources, includeSynonyms: false })
      return new Map(found.resources[0]!.configEntries.map(({ configName, configValue }) => [configName, configValue]))
    }
    const mended = await config()
    expect(mended.get('cleanup.policy')).toBe('compact')
    // what is not ours to set is left alone
    expect(mended.get('segment.index.bytes')).toBe('1048576')
    await (await log.openTask(0)).commit(request([], [entry('\x14k', 'v')]))
    await client.admin.alterConfigs({
      validateOnly: false,
      resources: [
        { type: 2, name: `${prefix}changelog`, configEntries: [{ name: 'cleanup.policy', value: 'delete' }] },
      ],
    })
    await expect(open({ prefix })).rejects.toMatchObject({
      code: 'TOPICS_UNFIT',
      message: expect.stringContaining('has cleanup.policy=delete; expected compact'),
    })
  })

  it("refuses topics that hold another application's records", async () => {
    const prefix = newPrefix()
    await createTopic(`${prefix}result`)
    await put(`${prefix}result`, '{"order":1}')
    await expect(open({ prefix })).rejects.toMatchObject({
      code: 'FOREIGN_DATA',
      message: expect.stringContaining(`there are records in ${prefix}result, but no deployment`),
    })
  })

  it.each([['something else'], ['null'], ['{"kind":"order"}']])(
    'refuses a deployment topic that holds %j',
    async (value) => {
      const prefix = newPrefix()
      await createTopic(`${prefix}deployment`, 1)
      await put(`${prefix}deployment`, value)
      await expect(open({ prefix })).rejects.toMatchObject({ code: 'FOREIGN_DATA' })
    },
  )

  it('takes what producers have written to ingest before the first start', async () => {
    const prefix = newPrefix()
    await createTopic(`${prefix}ingest`)
    await put(`${prefix}ingest`, 'early')
    expect(texts(await readAll(await open({ prefix }), 'ingest', 0))).toEqual(['early'])
  })

  it('refuses a log that a newer version has written', async () => {
    const prefix = newPrefix()
    await createTopic(`${prefix}deployment`, 1)
    await put(`${prefix}deployment`, '{"kind":"beamline-deployment","format":2,"id":"x","name":"y","partitions":2}')
    await expect(open({ prefix })).rejects.toMatchObject({
      code: 'LOG_NEWER',
      message: expect.stringContaining('have format 2; this version of Beamline reads 1'),
    })
  })

  it('refuses a second deployment at one prefix', async () => {
    const prefix = newPrefix()
    await open({ prefix, deployment: 'orders' })
    await open({ prefix, deployment: 'orders' })
    await expect(open({ prefix, deployment: 'invoices' })).rejects.toMatchObject({
      code: 'DEPLOYMENT_DIFFERS',
      message: expect.stringContaining("belong to the deployment 'orders'; this one is 'invoices'"),
    })
  })

  it('creates nothing where it may not, and is content with what the operator has created', async () => {
    const prefix = newPrefix()
    const options = testOptions(bootstrap, { prefix, createTopics: false })
    await expect(open({ prefix, createTopics: false })).rejects.toMatchObject({
      code: 'TOPICS_UNFIT',
      message: expect.stringContaining(`topic ${prefix}changelog does not exist`),
    })
    expect(await manageTopics(options, { apply: true })).toMatchObject({
      applied: true,
      ready: false,
      deployment: null,
    })
    const planned = await manageTopics({ ...options, createTopics: true }, { apply: false })
    expect(planned).toMatchObject({ applied: false, ready: false })
    expect(planned.steps.map(({ kind }) => kind)).toEqual(planned.steps.map(() => 'create'))
    expect(await manageTopics({ ...options, createTopics: true }, { apply: true })).toMatchObject({ ready: true })
    const log = await open({ prefix, createTopics: false })
    const after = await manageTopics(options, { apply: false })
    expect(after).toEqual({
      deployment: expect.objectContaining({ id: log.id }),
      steps: [],
      applied: false,
      ready: true,
    })
  })

  it('says that no broker answers', async () => {
    const kafka = { brokers: ['127.0.0.1:1'], clientId: 'test', connectionTimeoutMs: 300 }
    await expect(open({ prefix: 'x.', kafka })).rejects.toMatchObject({ code: 'UNREACHABLE', retriable: true })
  })

  it('takes records up to its bound, in commits too, and refuses larger ones', async () => {
    const log = await open({ prefix: newPrefix() })
    expect(log.maxRecordBytes).toBe(8 << 20)
    const large = { ...record('ingest', 0, ''), value: randomBytes(log.maxRecordBytes) }
    await log.append([large, { ...large, value: randomBytes(5 << 20) }])
    const task = await log.openTask(0)
    const row = { key: '\x14big', value: randomBytes(log.maxRecordBytes + 100) }
    await task.commit(
      request(
        [
          { ...large, topic: 'events' },
          { ...large, topic: 'events' },
        ],
        [row],
      ),
    )
    const sizes = (await readAll(log, 'events', 0)).map(({ value }) => value.length)
    expect(sizes).toEqual([log.maxRecordBytes, log.maxRecordBytes])
    const larger = { ...large, value: Buffer.alloc(log.maxRecordBytes + 1) }
    await expect(log.append([larger])).rejects.toMatchObject({
      code: 'RECORD_TOO_LARGE',
      message: `a record for 'ingest' has ${(8 << 20) + 1} bytes; the log takes at most ${8 << 20}`,
    })
    await expect(log.append([record('ingest', 0, 'x', { key: 'k'.repeat(100_000) })])).rejects.toMatchObject({
      code: 'RECORD_TOO_LARGE',
    })
    expect((await readAll(log, 'ingest', 0)).length).toBe(2)
  })

  it('takes only as much as the topics that are there do', async () => {
    const prefix = newPrefix()
    await createTopic(`${prefix}ingest`, 2, { 'max.message.bytes': '500000' })
    await createTopic(`${prefix}events`, 2, { 'max.message.bytes': '400000' })
    await manageTopics(testOptions(bootstrap, { prefix, topics: { maxRecordBytes: 1_000 } }), { apply: true })
    const log = await open({ prefix, createTopics: false })
    expect(log.maxRecordBytes).toBeLessThan(1 << 20)
    await log.append([{ ...record('events', 0, ''), value: randomBytes(log.maxRecordBytes) }])
    await expect(
      log.append([{ ...record('events', 0, ''), value: randomBytes(log.maxRecordBytes + 1) }]),
    ).rejects.toMatchObject({ code: 'RECORD_TOO_LARGE' })
  })
})
