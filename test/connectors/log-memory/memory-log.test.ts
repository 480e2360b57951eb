import { describe, expect, it } from 'vitest'
import { realEnvironment } from '../../../connectors/environment.ts'
import type { MemoryFaults } from '../../../connectors/log-memory/faults.ts'
import { rebalance } from '../../../connectors/log-memory/groups.ts'
import { type MemoryLog, openMemoryLog } from '../../../connectors/log-memory/memory-log.ts'
import { createMemoryStorage, partitionLog, trimPartition } from '../../../connectors/log-memory/storage.ts'
import { encodeRecord } from '../../../schemas/codec/wire.ts'
import type { BeamlineRecord } from '../../../schemas/records/index.ts'
import type { OutRecord, PoolPartition } from '../../../topology/log/port.ts'
import { readAll, record, request, texts, turn, until } from '../../conformance/log/harness.ts'

const REPLY: BeamlineRecord = { kind: 'Reply', correlation: 'c', ok: true, code: 'x', body: '{}' as never }

function withMessage(): OutRecord {
  return { ...record('events', 0, ''), value: encodeRecord(REPLY), message: { ...REPLY } }
}

function open(faults: MemoryFaults = {}, partitions = 2): MemoryLog {
  return openMemoryLog(createMemoryStorage(partitions), realEnvironment, faults)
}

/** Joins the io pool and keeps what it is assigned. */
async function member(log: MemoryLog, revoked: () => Promise<void> = async () => {}) {
  const held: PoolPartition[] = []
  await log.joinPool('io', {
    onAssigned: (partition) => held.push(partition),
    async onRevoked(partition) {
      await revoked()
      held.splice(held.indexOf(partition), 1)
    },
  })
  return held
}

describe('messages', () => {
  it('are left out where everything is to pass the codec', async () => {
    const log = open()
    await log.append([withMessage()])
    expect((await readAll(log, 'events', 0))[0]!.message).toBeNull()
  })

  it('are handed on frozen where a change is to be noticed', async () => {
    const storage = createMemoryStorage(1, { messages: 'frozen' })
    const log = openMemoryLog(storage, realEnvironment)
    const sent = withMessage()
    await log.append([sent])
    const { message } = (await readAll(log, 'events', 0))[0]!
    expect(message).toBe(sent.message)
    expect(() => Object.assign(message!, { code: 'y' })).toThrow(TypeError)
  })
})

describe('faults', () => {
  it('append: lost, applied without an answer, refused, duplicated', async () => {
    const plan = ['lost', 'applied_unknown', 'log_full', 'duplicate', 'none'] as const
    let next = 0
    const log = open({ append: () => plan[next++]! })
    const append = (text: string) => log.append([record('events', 0, text)])
    await expect(append('lost')).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    await expect(append('unknown')).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    await expect(append('full')).rejects.toMatchObject({ code: 'LOG_FULL', retriable: true })
    expect(log.health()).toEqual({ writable: false, reason: 'the log is full' })
    await append('twice')
    expect(log.health().writable).toBe(true)
    await append('once')
    expect(texts(await readAll(log, 'events', 0))).toEqual(['unknown', 'twice', 'twice', 'once'])
  })

  it('commit: whole or nothing, whatever the caller is told', async () => {
    const plan = ['applied_unknown', 'lost', 'log_full', 'none'] as const
    let next = 0
    const log = open({ commit: () => plan[next++]! })
    for (const fault of plan.slice(0, 3)) {
      const task = await log.openTask(0)
      await expect(task.commit(request([record('events', 0, fault)]))).rejects.toMatchObject({ name: 'LogError' })
      await task.close()
    }
    await (await log.openTask(0)).commit(request([record('events', 0, 'good')]))
    expect(texts(await readAll(log, 'events', 0))).toEqual(['applied_unknown', 'good'])
  })

  it('offsets may have gaps', async () => {
    const log = open({ gap: () => 2 })
    await log.append([record('events', 0, 'a'), record('events', 0, 'b')])
    await log.append([record('events', 0, 'c')])
    expect((await readAll(log, 'events', 0)).map((each) => each.offset)).toEqual([2, 3, 6])
  })

  it('a report of an owner that lost its partition stores no progress, and its results only as a zombie’s', async () => {
    let zombie = true
    const log = open({ report: (owns) => (owns || !zombie ? 'none' : 'unfenced_results') }, 1)
    const held = await member(log)
    await until(() => held.length === 1)
    log.evict()
    const progress = { next: 1, beyond: [] }
    await expect(held[0]!.report([record('result', 0, 'late')], progress)).rejects.toMatchObject({ code: 'FENCED' })
    zombie = false
    await expect(held[0]!.report([record('result', 0, 'later')], progress)).rejects.toMatchObject({ code: 'FENCED' })
    expect(texts(await readAll(log, 'result', 0))).toEqual(['late'])
    const info = (await log.describe()).find((each) => each.topic === 'execute.io')
    expect(info?.committedOffset).toBe(0)
  })
})

describe('membership', () => {
  it('moves partitions between members that stay, each having one owner at a time', async () => {
    const storage = createMemoryStorage(2)
    const logs = [openMemoryLog(storage, realEnvironment), openMemoryLog(storage, realEnvironment)]
    const [a, b] = [await member(logs[0]!), await member(logs[1]!)]
    await until(() => a.length === 1 && b.length === 1)
    const before = a[0]!.partition
    rebalance(storage.groups, 'execute.io')
    await until(() => a.length === 1 && b.length === 1 && a[0]!.partition !== before)
    expect(b[0]!.partition).toBe(before)
  })

  it('gives what an evicted member had to the others, although it goes on', async () => {
    const storage = createMemoryStorage(2)
    const logs = [openMemoryLog(storage, realEnvironment), openMemoryLog(storage, realEnvironment)]
    const [zombie, heir] = [await member(logs[0]!), await member(logs[1]!)]
    await until(() => zombie.length === 1 && heir.length === 1)
    logs[0]!.evict()
    await until(() => heir.length === 2)
    expect(zombie.length).toBe(1)
  })

  it('never assigns a partition that it is taking back', async () => {
    const storage = createMemoryStorage(1)
    const logs = Array.from({ length: 3 }, () => openMemoryLog(storage, realEnvironment))
    const members = await Promise.all(logs.map((log) => member(log)))
    for (let round = 0; round < 30; round++) {
      rebalance(storage.groups, 'execute.io')
      if (round % 3 === 0) await turn()
      expect(members.flat().length).toBeLessThanOrEqual(1)
    }
    await until(() => members.flat().length === 1)
  })
})

describe('storage', () => {
  it('is refused without partitions', () => {
    expect(() => createMemoryStorage(0)).toThrow('found 0')
  })

  it('has no partitions beyond its number, save for replies', () => {
    const storage = createMemoryStorage(2)
    expect(() => partitionLog(storage, 'events', 2)).toThrow("topic 'events' has no partition 2; expected 0..1")
    expect(partitionLog(storage, 'replies', 7).partition).toBe(7)
  })

  it('trims from the front', async () => {
    const storage = createMemoryStorage(1)
    const log = openMemoryLog(storage, realEnvironment)
    await log.append([record('events', 0, 'a'), record('events', 0, 'b'), record('events', 0, 'c')])
    trimPartition(storage, 'events', 0, 2)
    expect(texts(await readAll(log, 'events', 0))).toEqual(['c'])
    expect((await log.describe()).find((info) => info.topic === 'events')).toMatchObject({
      firstOffset: 2,
      nextOffset: 3,
    })
  })
})
