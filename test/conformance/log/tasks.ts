import { expect, it } from 'vitest'
import type { Log, LogRecord, TaskLog } from '../../../topology/log/port.ts'
import { fc } from '../../support/fast-check.ts'
import { entry, type LogHarness, pollAll, readAll, record, request, restore, texts, until } from './harness.ts'

export function tasks(harness: () => LogHarness, opened: (log: Log) => Log): void {
  const open = async () => opened(await harness().open())

  it('commits appends, changelog and offsets as one, and keeps them through a crash', async () => {
    const h = harness()
    let log = await open()
    await log.append([record('ingest', 0, 'in')])
    let task = await log.openTask(0)
    expect(task.taskId).toBe(0)
    expect(task.start.changelogPosition).toBe(0)
    expect(texts(await pollAll(task, 'ingest'))).toEqual(['in'])
    const result = await task.commit(
      request(
        [record('route', 0, 'r'), record('events', 0, 'e'), record('route', 1, 's')],
        [entry('\x14a', '1')],
        [['ingest', 1]],
      ),
    )
    expect(result.offsets).toEqual([0, 0, 0])
    expect(result.changelogPosition).toBeGreaterThan(0)
    await h.crash(log)

    log = await open()
    task = await log.openTask(0)
    expect(task.start.committed.get('ingest')).toBe(1)
    expect(task.start.committed.get('route') ?? 0).toBe(0)
    expect(task.start.changelogPosition).toBe(result.changelogPosition)
    expect(await restore(task)).toEqual({ rows: new Map([['\x14a', '1']]), position: result.changelogPosition })
    expect(await pollAll(task, 'ingest')).toEqual([])
    expect(texts(await pollAll(task, 'route'))).toEqual(['r'])
    expect(texts(await readAll(log, 'route', 1))).toEqual(['s'])
    expect(texts(await readAll(log, 'events', 0))).toEqual(['e'])
  })

  it('applies commits of one task in the order of the calls', async () => {
    const log = await open()
    const task = await log.openTask(0)
    for (let i = 0; i < 20; i += 2) {
      const first = task.commit(request([record('events', 0, `${i}`)], [entry('\x14k', `${i}`)]))
      const second = task.commit(request([record('events', 0, `${i + 1}`)], [entry('\x14k', `${i + 1}`)]))
      const [a, b] = await Promise.all([first, second])
      expect(b.changelogPosition).toBeGreaterThan(a.changelogPosition)
    }
    expect(texts(await readAll(log, 'events', 0))).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`))
    const again = await log.openTask(0)
    expect((await restore(again)).rows).toEqual(new Map([['\x14k', '19']]))
  })

  it('passes over handled records, and its position shows it', async () => {
    let log = await open()
    let task = await log.openTask(0)
    await task.commit(
      request([
        record('route', 0, 'a'),
        record('route', 0, 'b', { handled: true }),
        record('route', 0, 'c'),
        record('route', 0, 'd', { handled: true }),
      ]),
    )
    for (const reopen of [false, true]) {
      if (reopen) {
        await log.close()
        log = await open()
        task = await log.openTask(0)
      }
      await task.caughtUp('route')
      expect(task.position('route')).toBe(0)
      expect(texts(task.poll('route', 1))).toEqual(['a'])
      expect(task.position('route')).toBeLessThanOrEqual(2)
      expect(texts(task.poll('route', 10))).toEqual(['c'])
      expect(task.poll('route', 10)).toEqual([])
      expect(task.position('route')).toBe(4)
      expect((await readAll(log, 'route', 0)).map((each) => each.handled)).toEqual([false, true, false, true])
    }
  })

  it('polls only its own partition, from the committed offset on', async () => {
    const log = await open()
    await log.append([record('ingest', 0, 'a'), record('ingest', 1, 'x'), record('ingest', 0, 'b')])
    const first = await log.openTask(0)
    expect(texts(await pollAll(first, 'ingest'))).toEqual(['a', 'b'])
    await first.commit(request([], [], [['ingest', 1]]))
    const second = await log.openTask(0)
    expect(second.start.committed.get('ingest')).toBe(1)
    expect(texts(await pollAll(second, 'ingest'))).toEqual(['b'])
    expect(texts(await pollAll(await log.openTask(1), 'ingest'))).toEqual(['x'])
  })

  it('says when there may be records again', async () => {
    const log = await open()
    const task = await log.openTask(0)
    expect(task.poll('ingest', 1)).toEqual([])
    let told = 0
    task.onRecords(() => told++)
    await log.append([record('ingest', 0, 'a')])
    await until(() => told > 0)
    expect(texts(await pollAll(task, 'ingest'))).toEqual(['a'])
    const before = told
    const other = await log.openTask(1)
    await other.commit(request([record('route', 0, 'b')]))
    await until(() => told > before)
    expect(texts(await pollAll(task, 'route'))).toEqual(['b'])
  })

  it('is caught up once everything durable can be polled, however much', async () => {
    let log = await open()
    const count = 5_000
    for (let i = 0; i < count; i += 500) {
      await log.append(Array.from({ length: 500 }, (_, j) => record('control', 1, `${i + j}`)))
    }
    await log.close()
    log = await open()
    const task = await log.openTask(1)
    await task.caughtUp('control')
    const polled = task.poll('control', count + 1)
    expect(texts(polled)).toEqual(Array.from({ length: count }, (_, i) => `${i}`))
    expect(task.position('control')).toBe(count)
  })

  it('fences the earlier owner of a task: nothing of its commit is seen', async () => {
    const h = harness()
    let log = await open()
    const old = await log.openTask(0)
    await old.commit(request([record('events', 0, 'before')], [entry('\x14k', 'before')], [['ingest', 1]]))
    const owner = await log.openTask(0)
    expect(owner.start.committed.get('ingest')).toBe(1)
    await expect(
      old.commit(request([record('events', 0, 'zombie')], [entry('\x14k', 'zombie')], [['ingest', 9]])),
    ).rejects.toMatchObject({ code: 'FENCED', retriable: false })
    expect(pollOrRefusal(old)).toEqual([])
    await old.close()
    await owner.commit(request([record('events', 0, 'after')]))
    await h.crash(log)
    log = await open()
    expect(texts(await readAll(log, 'events', 0))).toEqual(['before', 'after'])
    const last = await log.openTask(0)
    expect(last.start.committed.get('ingest')).toBe(1)
    expect((await restore(last)).rows).toEqual(new Map([['\x14k', 'before']]))
  })

  it('lets a commit that was under way when the task was taken over be whole or nothing', async () => {
    const log = await open()
    const old = await log.openTask(0)
    const late = old.commit(request([record('events', 0, 'late')], [entry('\x14k', 'late')], [['ingest', 3]]))
    const outcome = late.then(
      () => true,
      () => false,
    )
    const owner = await log.openTask(0)
    const whole = await outcome
    expect(owner.start.committed.get('ingest') ?? 0).toBe(whole ? 3 : 0)
    expect((await restore(owner)).rows.size).toBe(whole ? 1 : 0)
    expect((await readAll(log, 'events', 0)).length).toBe(whole ? 1 : 0)
  })

  it('restores the live state from the changelog, whole and from any position', async () => {
    const h = harness()
    const change = fc.tuple(fc.integer({ min: 0, max: 12 }), fc.option(fc.string({ maxLength: 20 })))
    const commits = fc.array(fc.array(change, { maxLength: 6 }), { minLength: 1, maxLength: 12 })
    let log = await open()
    const model = new Map<string, string>()
    await fc.assert(
      fc.asyncProperty(commits, fc.boolean(), async (batches, crash) => {
        let task = await log.openTask(1)
        const start = task.start.changelogPosition
        const atStart = new Map(model)
        for (const batch of batches) {
          const entries = batch.map(([key, text]) => entry(`\x0a${key}`, text))
          await task.commit(request([], entries))
          for (const [key, text] of batch) {
            if (text === null) model.delete(`\x0a${key}`)
            else model.set(`\x0a${key}`, Buffer.from(Buffer.from(text)).toString())
          }
        }
        if (crash) await h.crash(log)
        else await log.close()
        log = await open()
        task = await log.openTask(1)
        expect(await restore(task)).toEqual({ rows: model, position: task.start.changelogPosition })
        // an older copy cannot be brought up to date, since folding drops deletes
        if (start >= task.start.changelogFirst) expect((await restore(task, start, atStart)).rows).toEqual(model)
      }),
      { numRuns: 12 },
    )
    const other = await log.openTask(0)
    expect((await restore(other)).rows.size).toBe(0)
  })

  it('gives back whole what was taken from records of ingest, whatever it has kept of it', async () => {
    const h = harness()
    let log = await open()
    let task = await log.openTask(0)
    const inputs = Array.from({ length: 6 }, (_, i) => `${i} ${'abcdefghij'.repeat(1_000)} ${i}`)
    await log.append(inputs.map((input) => record('ingest', 0, `begin ${input} end`)))
    expect(await pollAll(task, 'ingest')).toHaveLength(6)
    const taken = (index: number, source = index) => ({ ...entry(`\x14${index}`, `8 bytes ${inputs[index]}`), source })
    // of the last one the record is another
    const first = [taken(0), taken(1), taken(2), taken(3), taken(4), taken(5, 4)]
    await task.commit(request([], first, [['ingest', 6]]))
    await task.commit(
      request([], [entry('\x141', null), entry('\x142', 'small'), entry('\x143', `8 bytes ${inputs[3]}`)]),
    )
    await h.crash(log)
    log = await open()
    task = await log.openTask(0)
    const rows = new Map([0, 2, 3, 4, 5].map((index) => [`\x14${index}`, `8 bytes ${inputs[index]}`]))
    rows.set('\x142', 'small')
    expect((await restore(task)).rows).toEqual(rows)
    if (task.refers !== true) return
    const sources = new Map<string, number | undefined>()
    for await (const { entries } of task.changelog(0)) for (const { key, source } of entries) sources.set(key, source)
    expect([...sources].filter(([, source]) => source !== undefined)).toEqual([
      ['\x140', 0],
      ['\x144', 4],
    ])
  })

  it('gives an owner its whole changelog while an earlier one is still reading it', async () => {
    const log = await open()
    const writer = await log.openTask(0)
    await writer.commit(request([], [entry('\x14a', '1')]))
    const old = await log.openTask(0)
    const reading = old.changelog(0)[Symbol.asyncIterator]()
    await reading.next()
    const owner = await log.openTask(0)
    const restored = restore(owner)
    await reading.next().catch(() => null)
    expect((await restored).rows).toEqual(new Map([['\x14a', '1']]))
  })

  it('refuses a commit once the task is closed', async () => {
    const log = await open()
    const task = await log.openTask(0)
    const last = task.commit(request([record('events', 0, 'a')]))
    await task.close()
    await last
    await expect(task.commit(request([record('events', 0, 'b')]))).rejects.toMatchObject({ code: 'LOG_CLOSED' })
    expect(texts(await readAll(log, 'events', 0))).toEqual(['a'])
  })

  it('gives all tasks to the one member, and takes them back when it leaves', async () => {
    const log = await open()
    const assigned: number[] = []
    const revoked: number[] = []
    const membership = await log.joinTasks({
      onAssigned: (taskId) => assigned.push(taskId),
      onRevoked: async (taskId) => {
        revoked.push(taskId)
      },
    })
    await until(() => assigned.length === log.partitions)
    expect(assigned.toSorted()).toEqual([0, 1])
    await membership.leave()
    expect(revoked.toSorted()).toEqual([0, 1])
  })
}

/** A log may know that the task has another owner, and say so. */
function pollOrRefusal(task: TaskLog): readonly LogRecord[] {
  try {
    return task.poll('ingest', 10)
  } catch (error) {
    expect(error).toMatchObject({ code: 'FENCED' })
    return []
  }
}
