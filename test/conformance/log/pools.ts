import { expect, it } from 'vitest'
import type { Log, LogRecord, PoolListener, PoolPartition } from '../../../topology/log/port.ts'
import { type LogHarness, readAll, record, texts, until } from './harness.ts'

/** A member that keeps what it was given. */
function member() {
  const held = new Map<number, PoolPartition>()
  const revoked: number[] = []
  const listener: PoolListener = {
    onAssigned: (partition) => {
      held.set(partition.partition, partition)
    },
    onRevoked: async (partition) => {
      held.delete(partition.partition)
      revoked.push(partition.partition)
    },
  }
  return { held, revoked, listener }
}

async function pollUntil(partition: PoolPartition, count: number): Promise<LogRecord[]> {
  const taken: LogRecord[] = []
  await until(() => {
    taken.push(...partition.poll(count))
    return taken.length >= count
  })
  return taken
}

function throws(action: () => unknown): boolean {
  try {
    action()
    return false
  } catch {
    return true
  }
}

export function pools(harness: () => LogHarness, opened: (log: Log) => Log): void {
  const open = async () => opened(await harness().open())

  it('gives a pool’s partitions to its member, with the records from its progress on', async () => {
    const log = await open()
    await log.append([record('execute.io', 0, 'a'), record('execute.io', 1, 'b'), record('execute.cpu', 0, 'no')])
    const one = member()
    await log.joinPool('io', one.listener)
    await until(() => one.held.size === 2)
    const partition = one.held.get(0)!
    expect(partition).toMatchObject({ topic: 'execute.io', partition: 0, progress: { next: 0, beyond: [] } })
    expect(texts(await pollUntil(partition, 1))).toEqual(['a'])
    expect(texts(await pollUntil(one.held.get(1)!, 1))).toEqual(['b'])
    let told = 0
    partition.onRecords(() => told++)
    expect(partition.poll(10)).toEqual([])
    await log.append([record('execute.io', 0, 'c')])
    await until(() => told > 0)
    expect(texts(await pollUntil(partition, 1))).toEqual(['c'])
  })

  it('stores results and progress together, and goes on from the progress after a restart', async () => {
    const h = harness()
    let log = await open()
    await log.append(['a', 'b', 'c', 'd'].map((text) => record('execute.io', 0, text)))
    let one = member()
    await log.joinPool('io', one.listener)
    await until(() => one.held.size === 2)
    const progress = { next: 1, beyond: [[2, 3]] } as const
    await pollUntil(one.held.get(0)!, 4)
    await one.held.get(0)!.report([record('result', 1, 'done'), record('dlq', 0, 'dead')], progress)
    await h.crash(log)

    log = await open()
    expect(texts(await readAll(log, 'result', 1))).toEqual(['done'])
    expect(texts(await readAll(log, 'dlq', 0))).toEqual(['dead'])
    one = member()
    await log.joinPool('io', one.listener)
    await until(() => one.held.size === 2)
    expect(one.held.get(0)!.progress).toEqual(progress)
    expect(texts(await pollUntil(one.held.get(0)!, 3))).toEqual(['b', 'c', 'd'])
    const info = (await log.describe()).find((each) => each.topic === 'execute.io' && each.partition === 0)
    expect(info).toMatchObject({ nextOffset: 4, committedOffset: 1 })
  })

  it('stores progress without results, at the latest when the log is closed', async () => {
    let log = await open()
    await log.append(['a', 'b', 'c'].map((text) => record('execute.gpu', 1, text)))
    let one = member()
    await log.joinPool('gpu', one.listener)
    await until(() => one.held.size === 2)
    await one.held.get(1)!.report([], { next: 1, beyond: [] })
    await one.held.get(1)!.report([], { next: 2, beyond: [] })
    await log.close()
    log = await open()
    one = member()
    await log.joinPool('gpu', one.listener)
    await until(() => one.held.size === 2)
    expect(one.held.get(1)!.progress).toEqual({ next: 2, beyond: [] })
    expect(texts(await pollUntil(one.held.get(1)!, 1))).toEqual(['c'])
  })

  it('shares the partitions among members: a second one takes over, and gives back when it leaves', async () => {
    const log = await open()
    const one = member()
    const two = member()
    await log.joinPool('cpu', one.listener)
    await until(() => one.held.size === 2)
    const all = new Map(one.held)
    const second = await log.joinPool('cpu', two.listener)
    await until(() => two.held.size === 1)
    expect(one.held.size).toBe(1)
    const [moved] = two.held.keys()
    expect(one.revoked).toEqual([moved])
    await expect(
      all.get(moved!)!.report([record('result', 0, 'zombie')], { next: 1, beyond: [] }),
    ).rejects.toMatchObject({
      code: 'FENCED',
    })
    await two.held.get(moved!)!.report([record('result', 0, 'done')], { next: 1, beyond: [] })
    await second.leave()
    await until(() => one.held.size === 2)
    expect(two.revoked).toEqual([moved])
    expect(one.held.get(moved!)!.progress).toEqual({ next: 1, beyond: [] })
    expect(texts(await readAll(log, 'result', 0))).toEqual(['done'])
  })

  it('does not take for finished what a report said that failed after the partition was taken from its owner', async () => {
    const h = harness()
    const log = await open()
    await log.append([record('execute.io', 1, 'a')])
    const [one, two] = [member(), member()]
    await log.joinPool('io', one.listener)
    await until(() => one.held.size === 2)
    const partition = one.held.get(1)!
    await pollUntil(partition, 1)
    const release = h.faults.hold()
    h.faults.failNext('before')
    const report = partition.report([record('result', 0, 'done')], { next: 1, beyond: [] })
    const failed = expect(report).rejects.toThrow()
    const joined = log.joinPool('io', two.listener)
    await until(() => one.revoked.length > 0)
    release()
    await Promise.all([failed, joined])
    const owner = () => [one, two].find(({ held }) => held.has(one.revoked[0]!))
    await until(() => owner() !== undefined)
    const taken = owner()!.held.get(one.revoked[0]!)!
    expect(one.revoked).toEqual([1])
    expect(taken.progress).toEqual({ next: 0, beyond: [] })
    expect(texts(await pollUntil(taken, 1))).toEqual(['a'])
    expect(await readAll(log, 'result', 0)).toEqual([])
  })

  it('shows a record that is not durable only as such, and ends a member that has seen one vanish', async () => {
    const h = harness()
    const log = await open()
    const one = member()
    await log.joinPool('io', one.listener)
    await until(() => one.held.size === 2)
    const partition = one.held.get(0)!
    let told = 0
    partition.onRecords(() => told++)
    const release = h.faults.hold()
    h.faults.failNext('before')
    const failed = expect(log.append([record('execute.io', 0, 'never')])).rejects.toThrow()
    const seen = partition.poll(10)
    for (const { offset } of seen)
      expect(offset).toBeGreaterThanOrEqual(partition.durableTo ?? Number.POSITIVE_INFINITY)
    release()
    await failed
    if (seen.length > 0) {
      await until(() => told > 0 && throws(() => partition.poll(10)))
      const report = partition.report([record('result', 0, 'of nothing')], { next: 1, beyond: [] })
      await expect(report).rejects.toMatchObject({ code: 'FENCED' })
    } else expect(partition.poll(10)).toEqual([])
    await until(() => log.health().writable)
    await log.append([record('execute.io', 0, 'written')])
    expect(texts(await readAll(log, 'execute.io', 0))).toEqual(['written'])
    expect(await readAll(log, 'result', 0)).toEqual([])
  })

  it('tells when what was shown before has become durable', async () => {
    const h = harness()
    const log = await open()
    const one = member()
    await log.joinPool('io', one.listener)
    await until(() => one.held.size === 2)
    const partition = one.held.get(1)!
    const release = h.faults.hold()
    const appended = log.append([record('execute.io', 1, 'a')])
    const early = partition.poll(10)
    let told = 0
    partition.onRecords(() => told++)
    release()
    await appended
    await until(() => told > 0)
    const late = early.length === 0 ? await pollUntil(partition, 1) : []
    expect(texts([...early, ...late])).toEqual(['a'])
    expect(partition.durableTo ?? 1).toBe(1)
  })

  it('does not hand a partition on before its owner has let go', async () => {
    const log = await open()
    const one = member()
    const two = member()
    let letGo: (() => void) | null = null
    await log.joinPool('cpu', {
      onAssigned: one.listener.onAssigned,
      onRevoked: (partition) =>
        new Promise((resolve) => {
          letGo = () => {
            one.held.delete(partition.partition)
            resolve()
          }
        }),
    })
    await until(() => one.held.size === 2)
    const partition = one.held.get(1)!
    const joined = log.joinPool('cpu', two.listener)
    await until(() => letGo !== null)
    await partition.report([record('result', 0, 'in time')], { next: 0, beyond: [] })
    expect(two.held.size).toBe(0)
    letGo!()
    await joined
    await until(() => two.held.size === 1)
    expect(one.held.size).toBe(1)
  })
}
