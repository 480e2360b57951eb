import { describe, expect, it, vi } from 'vitest'
import { realEnvironment } from '../../../connectors/environment.ts'
import type { MemoryFaults } from '../../../connectors/log-memory/faults.ts'
import { openMemoryLog } from '../../../connectors/log-memory/memory-log.ts'
import { createMemoryStorage, type MemoryStorage } from '../../../connectors/log-memory/storage.ts'
import { dueHandler, type Processor } from '../../../processors/turn.ts'
import { decodeRecord, encodeRecord } from '../../../schemas/codec/wire.ts'
import type { RunId, StepId, TenantId } from '../../../schemas/ids.ts'
import type { BeamlineRecord } from '../../../schemas/records/index.ts'
import type { OutRecord } from '../../../topology/log/port.ts'
import type { TaskObserver } from '../../../topology/task/observer.ts'
import type { Snapshot } from '../../../topology/task/snapshot.ts'
import { Task, type TaskOptions } from '../../../topology/task/task.ts'
import type { Topology } from '../../../topology/topology.ts'
import { VirtualTime } from '../../../topology/virtual-time.ts'
import { withTasks, wrapTask } from '../../simulation/wrap.ts'
import { ITEMS, itemProcessor } from './fixtures.ts'

const runId = '00000000-0000-8000-8000-000000000000' as RunId

/** Puts item `name`, due at once if `attempt` is 2; every item makes an event. */
const items: Processor = itemProcessor({
  handlers: {
    SlotReleased(turn, record) {
      if (record.attempt === 3) throw new Error('poison')
      const dueAtMs = record.attempt === 2 ? turn.now : null
      const name = record.attempt === 4 ? (null as never) : record.stepId
      turn.put(ITEMS, record.stepId, { name, dueAtMs })
      const stepId = record.stepId.startsWith('grows') ? ('x'.repeat(2_100) as StepId) : record.stepId
      turn.emit('events', turn.partition, { ...record, stepId })
    },
  },
  due: [
    dueHandler(ITEMS, (turn, key, item) => {
      turn.put(ITEMS, key, { ...item, dueAtMs: null })
      turn.emit('events', turn.partition, cancelled)
    }),
  ],
})
const dlq: Processor = { topic: 'dlq', stores: [], handlers: { DeadLetter: () => undefined }, due: [] }
const ingest: Processor = {
  topic: 'ingest',
  stores: [],
  handlers: { SlotReleased: (turn, record) => turn.emit('result', turn.partition, record) },
  due: [],
}
const cancelled: BeamlineRecord = {
  kind: 'CancelRun',
  runId,
  tenant: 'acme' as TenantId,
  reason: null,
  requestedBy: null,
  force: false,
  replyTo: null,
}

function item(name: string, attempt = 1, topic: 'result' | 'ingest' = 'result'): OutRecord {
  const message: BeamlineRecord = { kind: 'SlotReleased', runId, stepId: name as StepId, attempt, reason: 'finished' }
  return { topic, partition: 0, key: null, value: encodeRecord(message), headers: null, handled: false, message }
}

function observer(): TaskObserver & { readonly failures: string[] } {
  const failures: string[] = []
  return {
    failures,
    phase: () => undefined,
    restored: () => undefined,
    restoreProgress: () => undefined,
    committed: () => undefined,
    counted: () => undefined,
    deadLettered: (_task, topic, offset, code) => failures.push(`dead ${topic}@${offset} ${code}`),
    reopening: (_task, error) => failures.push(`reopening ${(error as { code?: string }).code ?? error.message}`),
    snapshotFailed: (_task, error) => failures.push(`snapshot ${error.message}`),
  }
}

function setup(storage: MemoryStorage, faults: MemoryFaults = {}, options: TaskOptions = {}, admits = () => true) {
  const log = openMemoryLog(storage, realEnvironment, faults)
  const topology: Topology = { processors: [items, dlq, ingest], admits }
  const watch = observer()
  const onStopped = vi.fn()
  const task = new Task({ taskId: 0, log, environment: realEnvironment, topology, observer: watch, options, onStopped })
  task.start()
  return { log, task, watch, onStopped, names: () => [...(task.state?.store(ITEMS).rows.keys() ?? [])].sort() }
}

async function events(storage: MemoryStorage): Promise<number> {
  const log = openMemoryLog(storage, realEnvironment, {})
  const info = (await log.describe()).find((p) => p.topic === 'events' && p.partition === 0)
  return info?.nextOffset ?? 0
}

const until = <T>(check: () => T) => vi.waitFor(check, { timeout: 60_000, interval: 2 })

describe('Task', () => {
  it('decides records, commits what they did, and starts again where it was', async () => {
    const storage = createMemoryStorage(1)
    const first = setup(storage)
    await first.log.append([item('a'), item('b')])
    await until(() => expect(first.names()).toEqual(['a', 'b']))
    await until(() => expect(storage.tasks[0]!.committed.get('result')).toBe(2))
    first.task.kill()

    const second = setup(storage)
    await until(() => expect(second.task.phase).toBe('running'))
    expect(second.names()).toEqual(['a', 'b'])
    await second.log.append([item('c')])
    await until(() => expect(second.names()).toEqual(['a', 'b', 'c']))
    await second.task.drain()
    expect(await events(storage)).toBe(3)
  })

  it('discards its state after a failed commit and decides again from the log, whether it took effect or not', async () => {
    for (const fault of ['lost', 'applied_unknown'] as const) {
      const storage = createMemoryStorage(1)
      let left = 2
      const faults: MemoryFaults = { commit: () => (left-- > 0 ? fault : 'none') }
      const { log, task, watch, names } = setup(storage, faults)
      await log.append([item('a')])
      await until(() => expect(task.phase).toBe('running'))
      await until(() => expect(storage.tasks[0]!.committed.get('result')).toBe(1))
      await until(() => expect(names()).toEqual(['a']))
      await task.drain()
      expect(watch.failures).toContain('reopening OUTCOME_UNKNOWN')
      expect(await events(storage), fault).toBe(1)
    }
  })

  it('leaves the log the rest that it asks for, and decides what has gathered then as one', async () => {
    const time = new VirtualTime(realEnvironment, 0, 1)
    const { environment } = time
    const sizes: (readonly [atMs: number, records: number])[] = []
    const log = withTasks(openMemoryLog(createMemoryStorage(1), environment, {}), (task) =>
      wrapTask(task, {
        async commit(request) {
          sizes.push([environment.monotonic(), request.appends.length])
          return { ...(await task.commit(request)), restMs: 1_000 }
        },
      }),
    )
    const topology: Topology = { processors: [items, dlq, ingest], admits: () => true }
    const task = new Task({ taskId: 0, log, environment, topology, observer: observer() })
    task.start()
    const append = (name: string) => void log.append([item(name)])
    for (const [atMs, name] of [
      [10, 'a'],
      [100, 'b'],
      [200, 'c'],
      [900, 'd'],
    ] as const) {
      environment.after(atMs, () => append(name))
    }
    let over = false
    environment.after(1_900, () => {
      over = true
    })
    while (!over) {
      await time.settle()
      if (!(await time.runDue())) time.advance()
    }
    expect(sizes.map(([, records]) => records)).toEqual([1, 3])
    expect(sizes[1]![0] - sizes[0]![0]).toBeGreaterThanOrEqual(1_000)
    expect(sizes[1]![0] - sizes[0]![0]).toBeLessThan(1_100)
    task.kill()
  })

  it('stops when another owner has taken it over', async () => {
    const storage = createMemoryStorage(1)
    const old = setup(storage)
    await until(() => expect(old.task.phase).toBe('running'))
    const owner = setup(storage)
    await until(() => expect(owner.task.phase).toBe('running'))
    await owner.log.append([item('a')])
    await until(() => expect(old.onStopped).toHaveBeenCalled())
    expect(old.onStopped.mock.calls[0]![0]).toMatchObject({ code: 'FENCED' })
    await until(() => expect(owner.names()).toEqual(['a']))
    await owner.task.drain()
    expect(await events(storage)).toBe(1)
  })

  it('buries a poison record and goes on', async () => {
    const storage = createMemoryStorage(1)
    const { log, task, watch, names } = setup(storage)
    await log.append([item('a'), item('b', 3), item('c')])
    await until(() => expect(names()).toEqual(['a', 'c']))
    await task.drain()
    expect(watch.failures).toEqual(['dead result@1 PROCESSOR_THREW'])
    expect(storage.logs.get('dlq/0')?.records.length).toBe(1)
  })

  it('buries bytes that are no record, whatever kind of array they come in', async () => {
    const storage = createMemoryStorage(1)
    const { log, task, watch, names } = setup(storage)
    await log.append([{ ...item('a'), message: null, value: new TextEncoder().encode('garbage') }, item('b')])
    await until(() => expect(names()).toEqual(['b']))
    await task.drain()
    expect(watch.failures).toEqual([expect.stringMatching(/^dead result@0 /)])
  })

  it('buries a record whose decision leaves a row that cannot be encoded', async () => {
    const storage = createMemoryStorage(1)
    const { log, task, watch, names } = setup(storage)
    await log.append([item('a'), item('b', 4), item('c')])
    await until(() => expect(names()).toEqual(['a', 'c']))
    await task.drain()
    expect(watch.failures).toEqual(['reopening ROW_UNENCODABLE', 'dead result@1 PROCESSOR_THREW'])
    expect(await events(storage)).toBe(2)
  })

  it('fires due rows, after a restart too', async () => {
    const storage = createMemoryStorage(1)
    const { log, task } = setup(storage)
    await log.append([item('a', 2)])
    await until(async () => expect(await events(storage)).toBe(2))
    await task.drain()
    const again = setup(storage)
    await until(() => expect(again.task.phase).toBe('running'))
    await again.log.append([item('b', 2)])
    await until(async () => expect(await events(storage)).toBe(4))
    await again.task.drain()
  })

  it('leaves ingest unread while it holds all the work it may', async () => {
    const storage = createMemoryStorage(1)
    let admits = false
    const { log, task, names } = setup(storage, {}, {}, () => admits)
    await log.append([item('late', 1, 'ingest'), item('now')])
    await until(() => expect(names()).toEqual(['now']))
    admits = true
    await log.append([item('more')])
    await until(() => expect(names()).toEqual(['late', 'more', 'now']))
    await task.drain()
  })

  it('gives the same outcome without fusing', async () => {
    const storage = createMemoryStorage(1)
    const { log, task, names } = setup(storage, {}, { fuseBudget: 0 })
    await log.append([item('a', 1, 'ingest'), item('b', 3, 'ingest')])
    await until(() => expect(names()).toEqual(['a']))
    await until(() => expect(storage.logs.get('dlq/0')?.records.length).toBe(1))
    await task.drain()
  })

  it('writes a snapshot when it drains and starts from it', async () => {
    const storage = createMemoryStorage(1)
    let saved: Snapshot | null = null
    const snapshots = {
      load: async () => saved,
      save: async (_task: number, _log: string, snapshot: Snapshot) => {
        saved = { position: snapshot.position, entries: [...snapshot.entries] }
      },
      discard: async () => undefined,
    }
    const first = setup(storage, {}, { snapshots })
    await first.log.append([item('a'), item('b')])
    await until(() => expect(first.names()).toEqual(['a', 'b']))
    await first.task.drain()
    expect(saved).not.toBeNull()
    const second = setup(storage, {}, { snapshots })
    await until(() => expect(second.task.phase).toBe('running'))
    expect(second.names()).toEqual(['a', 'b'])
    await second.task.drain()
  })

  it('drains even when the snapshot cannot be written', async () => {
    const storage = createMemoryStorage(1)
    const snapshots = {
      load: async () => null,
      save: () => Promise.reject(new Error('the disk is full')),
      discard: async () => undefined,
    }
    const { log, task, watch, names } = setup(storage, {}, { snapshots })
    await log.append([item('a')])
    await until(() => expect(names()).toEqual(['a']))
    await task.drain()
    expect(task.phase).toBe('stopped')
    expect(watch.failures).toEqual(['snapshot the disk is full'])
  })

  it('buries a record whose decision emits more than the log takes, with its bytes if there is room', async () => {
    const storage = createMemoryStorage(1, { maxRecordBytes: 2_000 })
    const { log, task, watch, names } = setup(storage)
    // what begins with 'grows' makes an event that is too large; so would be the dead letter with the second one in it
    await log.append([item('x'.repeat(1_900)), item('grows'), item('grows'.repeat(380)), item('c')])
    await until(() => expect(names()).toContain('c'))
    await task.drain()
    expect(watch.failures).toEqual(['dead result@1 RECORD_TOO_LARGE', 'dead result@2 RECORD_TOO_LARGE'])
    const letters = storage.logs.get('dlq/0')!.records.map((each) => decodeRecord(each.value))
    expect(letters).toMatchObject([{ record: { key: null } }, { record: null }])
  })

  it('discards a snapshot that is ahead of the log, before the log catches up with it', async () => {
    let saved: Snapshot | null = null
    const snapshots = {
      load: async () => saved,
      save: async (_task: number, _log: string, snapshot: Snapshot) => {
        saved = { position: snapshot.position, entries: [...snapshot.entries] }
      },
      discard: async () => {
        saved = null
      },
    }
    const lost = setup(createMemoryStorage(1), {}, { snapshots })
    await lost.log.append([item('ghost')])
    await until(() => expect(lost.names()).toEqual(['ghost']))
    await lost.task.drain()

    const copy = createMemoryStorage(1)
    const first = setup(copy, {}, { snapshots })
    await first.log.append([item('a')])
    await until(() => expect(copy.tasks[0]!.committed.get('result')).toBe(1))
    first.task.kill()
    const second = setup(copy, {}, { snapshots })
    await until(() => expect(second.names()).toEqual(['a']))
    await second.task.drain()
  })
})
