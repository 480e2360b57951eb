import { expect, it } from 'vitest'
import { type Log, LogError } from '../../../topology/log/port.ts'
import {
  entry,
  type LogHarness,
  pollAll,
  readAll,
  record,
  request,
  restore,
  staysPending,
  take,
  texts,
  turn,
  until,
} from './harness.ts'

export function faults(harness: () => LogHarness, opened: (log: Log) => Log): void {
  const open = async () => opened(await harness().open())

  it('shows readers nothing of a commit that is not durable, and nothing at all if the process dies then', async () => {
    const h = harness()
    let log = await open()
    await log.append([record('events', 0, 'old'), record('execute.io', 0, 'old')])
    let task = await log.openTask(0)
    const reader = log.read('events', 0, { offset: 1 })
    h.faults.hold()
    const changes = [entry('\x14k', 'new')]
    const appends = [record('events', 0, 'new'), record('execute.io', 0, 'new'), record('route', 1, 'new')]
    const commit = task.commit(request(appends, changes, [['ingest', 5]]))
    commit.catch(() => {})
    const append = log.append([record('events', 0, 'newer')])
    append.catch(() => {})
    const next = reader.next(10)
    expect(await staysPending(Promise.race([commit, append, next]))).toBe(true)
    expect((await log.describe()).find((each) => each.topic === 'events' && each.partition === 0)?.nextOffset).toBe(1)
    await h.crash(log)

    log = await open()
    expect(texts(await readAll(log, 'events', 0))).toEqual(['old'])
    expect(texts(await readAll(log, 'execute.io', 0))).toEqual(['old'])
    expect(await readAll(log, 'route', 1)).toEqual([])
    task = await log.openTask(0)
    expect(task.start.committed.get('ingest') ?? 0).toBe(0)
    expect((await restore(task)).rows.size).toBe(0)
  })

  it('shows readers a commit as soon as it is durable', async () => {
    const h = harness()
    const log = await open()
    const task = await log.openTask(0)
    const reader = log.read('events', 0, 'first')
    const release = h.faults.hold()
    const commit = task.commit(request([record('events', 0, 'a'), record('events', 0, 'b')]))
    const waiting = take(reader, 2)
    expect(await staysPending(waiting)).toBe(true)
    release()
    expect((await commit).offsets).toEqual([0, 1])
    expect(texts(await waiting)).toEqual(['a', 'b'])
  })

  for (const when of ['before', 'after'] as const) {
    it(`tells of a write that failed ${when} it took effect, and goes on once the tasks are opened again`, async () => {
      const h = harness()
      let log = await open()
      const task = await log.openTask(0)
      await task.commit(request([record('events', 0, 'a')], [entry('\x14k', 'a')], [['ingest', 1]]))
      h.faults.failNext(when)
      const failed = task.commit(
        request([record('events', 0, 'b'), record('route', 0, 'b')], [entry('\x14k', 'b')], [['ingest', 2]]),
      )
      await expect(failed).rejects.toMatchObject({ name: 'LogError' })
      await expect(task.commit(request([record('events', 0, 'c')]))).rejects.toMatchObject({ name: 'LogError' })
      await task.close()

      await until(() => log.health().writable)
      const again = await log.openTask(0)
      const whole = when === 'after'
      expect(again.start.committed.get('ingest')).toBe(whole ? 2 : 1)
      expect((await restore(again)).rows.get('\x14k')).toBe(whole ? 'b' : 'a')
      expect(texts(await pollAll(again, 'route'))).toEqual(whole ? ['b'] : [])
      await again.commit(request([record('events', 0, 'd'), record('route', 0, 'd')], [entry('\x14k', 'd')]))
      expect(texts(await pollAll(again, 'route'))).toEqual(['d'])
      const expected = whole ? ['a', 'b', 'd'] : ['a', 'd']
      expect(texts(await readAll(log, 'events', 0))).toEqual(expected)
      await h.crash(log)
      log = await open()
      expect(texts(await readAll(log, 'events', 0))).toEqual(expected)
      expect((await restore(await log.openTask(0))).rows.get('\x14k')).toBe('d')
    })
  }

  it('takes back from tasks what they saw of a write that failed, and everything built on it', async () => {
    const h = harness()
    const log = await open()
    const writer = await log.openTask(0)
    const reader = await log.openTask(1)
    const release = h.faults.hold()
    h.faults.failNext('before')
    const first = writer.commit(request([record('result', 1, 'lost')]))
    const failed = expect(first).rejects.toMatchObject({ name: 'LogError' })
    const seen = reader.poll('result', 10)
    if (seen.length > 0) {
      const built = reader.commit(request([record('events', 1, 'built')], [], [['result', 1]]))
      const gone = expect(built).rejects.toMatchObject({ name: 'LogError' })
      release()
      await gone
    }
    release()
    await failed
    await until(() => log.health().writable)
    const again = await log.openTask(1)
    expect(again.start.committed.get('result') ?? 0).toBe(0)
    expect(await pollAll(again, 'result')).toEqual([])
    expect(await readAll(log, 'events', 1)).toEqual([])
    await log.append([record('result', 1, 'kept')])
    expect(texts(await pollAll(again, 'result'))).toEqual(['kept'])
    expect(texts(await readAll(log, 'result', 1))).toEqual(['kept'])
  })

  it('tells a task that saw records which were taken back, though it had nothing to commit', async () => {
    const h = harness()
    const log = await open()
    const writer = await log.openTask(0)
    const reader = await log.openTask(1)
    const release = h.faults.hold()
    h.faults.failNext('before')
    const failed = expect(writer.commit(request([record('result', 1, 'lost')]))).rejects.toThrow()
    const seen = reader.poll('result', 10)
    let told = false
    await turn()
    reader.onRecords(() => {
      told = true
    })
    release()
    await failed
    if (seen.length === 0) return
    await until(() => told)
    expect(() => reader.poll('control', 10)).toThrow(LogError)
    await expect(reader.caughtUp('control')).rejects.toThrow(LogError)
  })
}
