import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import type { KafkaClient, StoredRecord } from '../../../connectors/kafka-client/contract.ts'
import type { Log, PoolPartition, TaskLog } from '../../../topology/log/port.ts'
import {
  entry,
  pollAll,
  readAll,
  record,
  request,
  restore,
  take,
  texts,
  turn,
  until,
} from '../../conformance/log/harness.ts'
import { describeWithKafka } from '../../support/kafka.ts'
import { openTestLog, type TestOptions, testClient } from './support.ts'

await describeWithKafka('positions and owners on Kafka', ({ bootstrap, unique }) => {
  let client: KafkaClient
  let prefix = ''
  const opened: Log[] = []
  beforeAll(async () => {
    client = await testClient(bootstrap)
  })
  afterAll(() => client?.close())
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((log) => log.close()))
  })

  const open = async (options: Partial<TestOptions> = {}): Promise<Log> => {
    prefix = options.prefix ?? `${unique('positions')}.`
    const log = await openTestLog(bootstrap, { ...options, prefix })
    opened.push(log)
    return log
  }
  const append = (log: Log, topic: 'ingest' | 'events' | 'execute.io', count: number) =>
    log.append(Array.from({ length: count }, (_, i) => record(topic, 0, `${i}`)))
  const removeBelow = async (short: string, offset: number): Promise<void> => {
    const topic = `${prefix}${short}`
    // it does not ask by itself who leads the partitions
    await client.admin.fetchTopicOffsets(topic)
    await client.admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: `${offset}` }] })
  }
  const stored = async (group: string, topic: string) => {
    const place = { topic: `${prefix}${topic}`, partition: 0 }
    return (await client.committedOffsets(`${prefix}${group}`, [place])).get(`${place.topic}/0`)
  }
  const held = async (log: Log): Promise<PoolPartition> => {
    const found: PoolPartition[] = []
    await log.joinPool('io', { onAssigned: (partition) => found.push(partition), onRevoked: async () => {} })
    await until(() => found.length === 2)
    return found.find(({ partition }) => partition === 0)!
  }

  it('fences an owner in another process, at the broker', async () => {
    const log = await open()
    const other = await open({ prefix })
    const old = await log.openTask(0)
    await old.commit(request([record('events', 0, 'before')], [entry('\x14k', 'before')]))
    const owner = await other.openTask(0)
    const zombie = request([record('events', 0, 'zombie')], [entry('\x14k', 'zombie')], [['ingest', 0]])
    await expect(old.commit(zombie)).rejects.toMatchObject({ code: 'FENCED', retriable: false })
    let told = false
    old.onRecords(() => {
      told = true
    })
    expect(() => old.poll('ingest', 1)).toThrow('task.0')
    expect(told).toBe(false)
    await owner.commit(request([record('events', 0, 'after')]))
    expect(texts(await readAll(log, 'events', 0))).toEqual(['before', 'after'])
  })

  it('keeps of a large row only where it lies in ingest, and says so when that is gone', async () => {
    const log = await open()
    const input = 'abcdefghij'.repeat(2_000)
    await log.append([record('ingest', 0, 'before'), record('ingest', 0, `begin ${input} end`)])
    let task = await log.openTask(0)
    expect(await pollAll(task, 'ingest')).toHaveLength(2)
    const row = { ...entry('\x14k', `8 bytes ${input}`), source: 1 }
    await task.commit(request([], [row], [['ingest', 2]]))
    const place = { topic: `${prefix}changelog`, partition: 0 }
    const fetcher = client.createFetcher({ maxBufferedBytes: 1 << 20 })
    const feed = fetcher.add(place, 0)
    const stored: StoredRecord[] = []
    await until(() => stored.push(...feed.poll(1)) === 1)
    expect(stored[0]!.value!.length).toBeLessThan(40)
    await fetcher.close()
    await task.close()
    task = await log.openTask(0)
    expect((await restore(task)).rows).toEqual(new Map([['\x14k', `8 bytes ${input}`]]))
    await removeBelow('ingest', 2)
    await task.close()
    task = await log.openTask(0)
    await expect(restore(task)).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' })
  })

  it('lets a task open anew that was fenced while it is this process’s', async () => {
    const log = await open()
    const intruder = await open({ prefix })
    const assigned: number[] = []
    await log.joinTasks({ onAssigned: (taskId) => assigned.push(taskId), onRevoked: async () => {} })
    await until(() => assigned.length === 2)
    const task = await log.openTask(0)
    await (await intruder.openTask(0)).close()
    await expect(task.commit(request([record('events', 0, 'a')]))).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      message: expect.stringContaining("still this process's"),
    })
    await task.close()
    await (await log.openTask(0)).commit(request([record('events', 0, 'b')]))
    expect(texts(await readAll(log, 'events', 0))).toEqual(['b'])
  })

  it('stops a task whose next records were removed', async () => {
    const log = await open()
    await append(log, 'ingest', 10)
    const task = await log.openTask(0)
    await task.commit(request([], [], [['ingest', 2]]))
    await removeBelow('ingest', 5)
    await expect(log.openTask(0)).rejects.toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
      message: expect.stringContaining(`${prefix}ingest 0: records 2 to 4 were removed before task 0 has read them`),
    })
    await client.admin.setOffsets({
      groupId: `${prefix}tasks`,
      topic: `${prefix}ingest`,
      partitions: [{ partition: 0, offset: '5' }],
    })
    expect(texts(await pollAll(await log.openTask(0), 'ingest'))).toEqual(['5', '6', '7', '8', '9'])
  })

  it('stops a task that has read farther than its topic goes', async () => {
    const log = await open()
    await (await log.openTask(0)).commit(request([], [], [['result', 7]]))
    const task = await log.openTask(0)
    expect(() => task.poll('result', 1)).toThrow('has read up to 7, but it ends at 0')
    expect(task.poll('ingest', 1)).toEqual([])
  })

  it('shows a pool that its next records were removed', async () => {
    const log = await open()
    await append(log, 'execute.io', 10)
    const first = await held(log)
    await first.report([record('result', 0, 'r')], { next: 1, beyond: [[2, 3]] })
    await log.close()
    const again = await open({ prefix })
    await removeBelow('execute.io', 4)
    const partition = await held(again)
    let told = false
    partition.onRecords(() => {
      told = true
    })
    await until(() => told)
    expect(() => partition.poll(1)).toThrow('records 1 to 3 were removed before they were done')
  })

  it('tells a reader that records are gone, and gives what is left to who asks for all', async () => {
    const log = await open()
    await append(log, 'events', 10)
    await removeBelow('events', 4)
    expect(texts(await take(log.read('events', 0, { offset: 0 }), 6))).toEqual(['4', '5', '6', '7', '8', '9'])
    expect(texts(await take(log.read('events', 0, 'first'), 6))).toEqual(['4', '5', '6', '7', '8', '9'])
    for (const offset of [2, 11]) {
      await expect(log.read('events', 0, { offset }).next(1)).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' })
    }
    const info = (await log.describe()).find(({ topic, partition }) => topic === 'events' && partition === 0)
    expect(info).toMatchObject({ firstOffset: 4, nextOffset: 10 })
  })

  it('reads a partition several times at once', async () => {
    const log = await open()
    const readers = Array.from({ length: 7 }, () => log.read('events', 0, 'first'))
    const taken = readers.map((reader) => take(reader, 3))
    await append(log, 'events', 3)
    for (const records of await Promise.all(taken)) expect(texts(records)).toEqual(['0', '1', '2'])
  })

  it('finds positions that the group has lost in the changelog', async () => {
    const log = await open()
    await append(log, 'ingest', 3)
    const task = await log.openTask(0)
    await task.commit(request([], [entry('\x14a', '1')], [['ingest', 1]]))
    await task.commit(request([record('route', 0, 'r')], [entry('\x14b', '2'), entry('\x14c', '3')], [['ingest', 2]]))
    await log.close()
    await client.admin.deleteGroups([`${prefix}tasks`])
    expect(await stored('tasks', 'ingest')).toBeUndefined()
    const problems: string[] = []
    const again = await (await open({ prefix, onProblem: (message) => problems.push(message) })).openTask(0)
    expect(Object.fromEntries(again.start.committed)).toMatchObject({ ingest: 2 })
    expect(texts(await pollAll(again, 'ingest'))).toEqual(['2'])
    expect(texts(await pollAll(again, 'route'))).toEqual(['r'])
    expect(problems).toContain(`group ${prefix}tasks has no offset for ${prefix}ingest 0; the changelog says 2`)
  })

  it('stops a task whose changelog was deleted', async () => {
    const log = await open()
    const task = await log.openTask(0)
    await task.commit(request([], [entry('\x14a', '1')]))
    await task.commit(request([], [entry('\x14a', '2')], [['ingest', 0]]))
    await log.close()
    await client.admin.deleteTopics({ topics: [`${prefix}changelog`] })
    while ((await client.admin.listTopics()).includes(`${prefix}changelog`)) await turn()
    const again = await open({ prefix })
    await expect(again.openTask(0)).rejects.toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
      message: expect.stringContaining(`the changelog of task 0 (${prefix}changelog) ends at offset 0, but was 2`),
    })
  })

  it('stops a task whose changelog does not begin at its beginning', async () => {
    const log = await open()
    await (await log.openTask(0)).commit(request([], [entry('\x14a', '1'), entry('\x14b', '1')]))
    await client.admin.alterConfigs({
      validateOnly: false,
      resources: [
        { type: 2, name: `${prefix}changelog`, configEntries: [{ name: 'cleanup.policy', value: 'compact,delete' }] },
      ],
    })
    // the new policy reaches the broker a moment later
    const removed = () =>
      removeBelow('changelog', 1).then(
        () => true,
        () => false,
      )
    while (!(await removed())) await turn()
    await expect(log.openTask(0)).rejects.toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
      message: expect.stringContaining('begins at offset 1; expected 0'),
    })
  })

  it('takes a snapshot for usable while no delete after it can have been dropped', async () => {
    const log = await open({ topics: { deleteRetentionMs: 7_200_000 } })
    const positions: number[] = []
    const task = await log.openTask(0)
    for (const value of ['1', null, '3']) {
      positions.push((await task.commit(request([], [entry('\x14a', value)]))).changelogPosition)
    }
    // nothing is so old
    expect((await log.openTask(0)).start).toMatchObject({ changelogFirst: 0, changelogPosition: positions.at(-1) })
    await log.close()
    const now = () => Date.now() + 3 * 3_600_000
    const { realEnvironment } = await import('../../../connectors/environment.ts')
    const later = await open({
      prefix,
      environment: { ...realEnvironment, now },
      topics: { deleteRetentionMs: 7_200_000 },
    })
    const start = (await later.openTask(0)).start
    expect(start.changelogFirst).toBe(start.changelogPosition)
  })

  it('moves the positions of a task and of a pool that rest past the ends of transactions', async () => {
    const log = await open({ settleAfterMs: 200 })
    const task: TaskLog = await log.openTask(0)
    await task.commit(request([record('route', 0, 'a', { handled: true }), record('execute.io', 0, 'x')]))
    expect(await pollAll(task, 'route')).toEqual([])
    await task.commit(request([], [], [['route', task.position('route')]]))
    const partition = await held(log)
    await until(() => partition.poll(10).length > 0)
    await partition.report([], { next: 1, beyond: [] })
    const settled = async (): Promise<boolean> =>
      (await stored('tasks', 'route'))?.offset === 2 && (await stored('execute.io', 'execute.io'))?.offset === 2
    while (!(await settled())) await task.caughtUp('route')
    // as retention does when all of it is old
    await removeBelow('route', 2)
    await removeBelow('execute.io', 2)
    await log.close()
    const again = await open({ prefix })
    expect((await again.openTask(0)).poll('route', 1)).toEqual([])
    expect((await held(again)).poll(1)).toEqual([])
  })

  it('keeps what others send: any key, any headers, no value', async () => {
    const log = await open()
    const bytes = (text: string): Buffer => Buffer.from(text)
    const place = { topic: `${prefix}ingest`, partition: 0 }
    const many = Array.from({ length: 40 }, (_, i) => [`h${i}`, Buffer.alloc(1_000, 0x78)] as const)
    await client.append([
      { ...place, key: Buffer.of(0xff, 0xfe), value: null, headers: [] },
      {
        ...place,
        key: null,
        value: bytes('v'),
        headers: [
          ['__proto__', bytes('p')],
          ['twice', bytes('1')],
          ['twice', bytes('2')],
        ],
      },
      { ...place, key: Buffer.alloc(20_000, 0x6b), value: bytes(''), headers: many },
      { ...place, key: null, value: bytes('skipped'), headers: [['beamline-handled', Buffer.of(1)]] },
      { ...place, key: null, value: bytes('taken'), headers: [['beamline-handled', bytes('yes')]] },
    ])
    const [first, second, third, last, ...rest] = await pollAll(await log.openTask(0), 'ingest')
    expect(first).toMatchObject({ key: '\ufffd\ufffd', value: new Uint8Array(0), headers: null, message: null })
    expect(Object.entries(second!.headers!)).toEqual([
      ['__proto__', 'p'],
      ['twice', '2'],
    ])
    expect(third!.key).toHaveLength(8_192)
    expect(Object.keys(third!.headers!)).toHaveLength(16)
    expect(texts([last!])).toEqual(['taken'])
    expect(rest).toEqual([])
  })

  it('restores a large changelog in order, however it is cut', async () => {
    const log = await open()
    const task = await log.openTask(0)
    const rows = new Map<string, string>()
    for (let commit = 0; commit < 10; commit++) {
      const entries = Array.from({ length: 1_000 }, (_, i) => {
        const key = `\x14${(commit * 700 + i) % 3_000}`
        const value = i % 10 === 9 ? null : 'v'.repeat(500) + commit
        if (value === null) rows.delete(key)
        else rows.set(key, value)
        return entry(key, value)
      })
      await task.commit(request([], entries))
    }
    expect((await restore(await log.openTask(0))).rows).toEqual(rows)
  })
})
