import { expect, it } from 'vitest'
import type { Log } from '../../../topology/log/port.ts'
import { type LogHarness, PARTITIONS, readAll, record, staysPending, take, texts } from './harness.ts'

export function appendAndRead(harness: () => LogHarness, opened: (log: Log) => Log): void {
  const open = async () => opened(await harness().open())

  it('gives back what was appended, with offsets from 0 and a time', async () => {
    const log = await open()
    const from = Date.now() - 1
    const appended = [
      record('ingest', 0, 'a', { key: 'k', headers: { traceparent: '00-1', ä: '日本' } }),
      record('ingest', 0, '', { key: '' }),
      record('events', 1, 'x', { key: 'käse 🧀', handled: true }),
      record('ingest', 0, 'c'.repeat(100_000)),
    ]
    const positions = await log.append(appended)
    expect(positions).toEqual([
      { topic: 'ingest', partition: 0, offset: 0 },
      { topic: 'ingest', partition: 0, offset: 1 },
      { topic: 'events', partition: 1, offset: 0 },
      { topic: 'ingest', partition: 0, offset: 2 },
    ])
    const read = [...(await readAll(log, 'ingest', 0)), ...(await readAll(log, 'events', 1))]
    const order = [0, 1, 3, 2]
    expect(
      read.map(({ topic, partition, key, headers, handled }) => ({ topic, partition, key, headers, handled })),
    ).toEqual(
      order.map((i) => {
        const { topic, partition, key, headers, handled } = appended[i]!
        return { topic, partition, key, headers, handled }
      }),
    )
    expect(texts(read)).toEqual(order.map((i) => Buffer.from(appended[i]!.value).toString()))
    expect(read.map((each) => each.offset)).toEqual([0, 1, 2, 0])
    for (const each of read) expect(each.timestampMs).toBeGreaterThanOrEqual(from)
    for (const each of read) expect(each.timestampMs).toBeLessThanOrEqual(Date.now() + 1)
  })

  it('survives close and crash', async () => {
    const h = harness()
    let log = await open()
    await log.append([record('ingest', 0, 'a'), record('ingest', 1, 'b', { key: 'k', headers: { h: '1' } })])
    await log.close()
    log = await open()
    const [position] = await log.append([record('ingest', 0, 'c')])
    expect(position?.offset).toBeGreaterThan(0)
    await h.crash(log)
    log = await open()
    expect(texts(await readAll(log, 'ingest', 0))).toEqual(['a', 'c'])
    const [b] = await readAll(log, 'ingest', 1)
    expect(b).toMatchObject({ key: 'k', headers: { h: '1' }, handled: false, offset: 0 })
  })

  it('keeps concurrent appends whole and in the order of the calls', async () => {
    const log = await open()
    const calls = Array.from({ length: 60 }, (_, call) => {
      const records = Array.from({ length: 1 + (call % 5) }, (_, i) =>
        record('result', (call + i) % PARTITIONS, `${call}.${i}`),
      )
      return log.append(records).then((positions) => ({ records, positions }))
    })
    const answers = await Promise.all(calls)
    const expected: string[][] = Array.from({ length: PARTITIONS }, () => [])
    for (const { records } of answers) {
      for (const each of records) expected[each.partition]!.push(Buffer.from(each.value).toString())
    }
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const read = await readAll(log, 'result', partition)
      expect(texts(read)).toEqual(expected[partition])
      const byOffset = new Map(read.map((each) => [each.offset, Buffer.from(each.value).toString()]))
      for (const { records, positions } of answers) {
        for (const [i, position] of positions.entries()) {
          if (position.partition !== partition) continue
          expect(byOffset.get(position.offset)).toBe(Buffer.from(records[i]!.value).toString())
        }
      }
    }
  })

  it('reads on as records come', async () => {
    const log = await open()
    const reader = log.read('events', 0, 'first')
    const waiting = take(reader, 3)
    await log.append([record('events', 0, 'a')])
    await log.append([record('events', 1, 'elsewhere'), record('events', 0, 'b')])
    await log.append([record('events', 0, 'c')])
    expect(texts(await waiting)).toEqual(['a', 'b', 'c'])
    expect(reader.position).toBe(3)
  })

  it('reads from an offset, from the first and from the end', async () => {
    let log = await open()
    await log.append([0, 1, 2, 3].map((i) => record('events', 0, `${i}`)))
    await log.close()
    log = await open()
    await log.append([4, 5].map((i) => record('events', 0, `${i}`)))
    const at = (from: Parameters<Log['read']>[2]) => log.read('events', 0, from)
    expect(texts(await take(at('first'), 6))).toEqual(['0', '1', '2', '3', '4', '5'])
    expect(texts(await take(at({ offset: 2 }), 4))).toEqual(['2', '3', '4', '5'])
    expect(texts(await take(at({ offset: 5 }), 1))).toEqual(['5'])
    expect(texts(await at({ offset: 0 }).next(2))).toEqual(['0', '1'])
    const end = at('end')
    expect(end.position).toBe(6)
    const waiting = end.next(10)
    await log.append([record('events', 0, '6')])
    expect(texts(await waiting)).toEqual(['6'])
  })

  it('reads from a time', async () => {
    let log = await open()
    await log.append([record('events', 0, 'a')])
    const start = Date.now()
    while (Date.now() <= start) await new Promise((resolve) => setImmediate(resolve))
    await log.append([record('events', 0, 'b'), record('events', 0, 'c')])
    const [a, b] = await readAll(log, 'events', 0)
    for (const reopen of [false, true]) {
      if (reopen) {
        await log.close()
        log = await open()
      }
      const at = (timeMs: number) => log.read('events', 0, { timeMs })
      expect(texts(await take(at(0), 3))).toEqual(['a', 'b', 'c'])
      expect(texts(await take(at(a!.timestampMs), 3))).toEqual(['a', 'b', 'c'])
      expect(texts(await take(at(a!.timestampMs + 1), 2))).toEqual(['b', 'c'])
      expect(texts(await take(at(b!.timestampMs), 2))).toEqual(['b', 'c'])
    }
    const later = log.read('events', 0, { timeMs: b!.timestampMs + 3_600_000 }).next(1)
    expect(await staysPending(later)).toBe(true)
  })

  it('ends a reader that is closed while it waits', async () => {
    const log = await open()
    const reader = log.read('events', 0, 'end')
    const waiting = reader.next(1)
    reader.close()
    expect(await waiting).toEqual([])
    expect(await reader.next(1)).toEqual([])
  })

  it('describes partitions: first and next offset, and what is committed', async () => {
    let log = await open()
    await log.append([record('ingest', 1, 'a'), record('ingest', 1, 'b'), record('events', 0, 'e')])
    const task = await log.openTask(1)
    await task.commit({ appends: [], changelog: [], offsets: new Map([['ingest', 1]]) })
    for (const reopen of [false, true]) {
      if (reopen) {
        await log.close()
        log = await open()
      }
      const infos = await log.describe()
      const find = (topic: string, partition: number) =>
        infos.find((each) => each.topic === topic && each.partition === partition)
      expect(find('ingest', 1)).toEqual({
        topic: 'ingest',
        partition: 1,
        firstOffset: 0,
        nextOffset: 2,
        committedOffset: 1,
      })
      expect(find('ingest', 0)).toMatchObject({ nextOffset: 0, committedOffset: 0 })
      expect(find('events', 0)).toMatchObject({ nextOffset: 1, committedOffset: null })
      expect(find('execute.gpu', 1)).toMatchObject({ firstOffset: 0, nextOffset: 0, committedOffset: 0 })
    }
  })

  it('is writable, and after close refuses everything', async () => {
    const log = await open()
    const task = await log.openTask(0)
    expect(log.partitions).toBe(PARTITIONS)
    expect(log.health()).toEqual({ writable: true, reason: null })
    const waiting = log.read('events', 0, 'end').next(1)
    const appended = log.append([record('ingest', 0, 'a')])
    await log.close()
    expect((await appended)[0]?.offset).toBe(0)
    expect(await waiting).toEqual([])
    await expect(log.append([record('ingest', 0, 'b')])).rejects.toMatchObject({ code: 'LOG_CLOSED' })
    await expect(log.openTask(0)).rejects.toMatchObject({ code: 'LOG_CLOSED' })
    await expect(task.commit({ appends: [], changelog: [], offsets: new Map() })).rejects.toMatchObject({
      code: 'LOG_CLOSED',
    })
    expect(texts(await readAll(await open(), 'ingest', 0))).toEqual(['a'])
  })
}
