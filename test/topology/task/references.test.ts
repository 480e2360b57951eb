import { describe, expect, it } from 'vitest'
import { realEnvironment } from '../../../connectors/environment.ts'
import { openMemoryLog } from '../../../connectors/log-memory/memory-log.ts'
import { createMemoryStorage, type MemoryStorage } from '../../../connectors/log-memory/storage.ts'
import type { Processor } from '../../../processors/turn.ts'
import { encodeRecord } from '../../../schemas/codec/wire.ts'
import type { RunId, StepId } from '../../../schemas/ids.ts'
import type { BeamlineRecord } from '../../../schemas/records/index.ts'
import type { ChangelogEntry, OutRecord } from '../../../topology/log/port.ts'
import type { TaskObserver, TaskPhase } from '../../../topology/task/observer.ts'
import type { Snapshot, SnapshotStore } from '../../../topology/task/snapshot.ts'
import { TASK_META } from '../../../topology/task/state.ts'
import { Task } from '../../../topology/task/task.ts'
import { VirtualTime } from '../../../topology/virtual-time.ts'
import { withTasks, wrapTask } from '../../simulation/wrap.ts'
import { ITEMS, itemProcessor } from './fixtures.ts'

const LARGE = 'x'.repeat(10_000)

/** Attempt 1 brings a row, attempt 2 deletes it, attempt 3 makes it another, attempt 4 brings a small one. */
const ingest: Processor = {
  topic: 'ingest',
  stores: [],
  handlers: {
    SlotReleased(turn, { stepId, attempt }) {
      if (attempt === 2) turn.delete(ITEMS, stepId)
      else if (attempt === 4) turn.put(ITEMS, stepId, { name: stepId, dueAtMs: null }, true)
      else turn.put(ITEMS, stepId, { name: `${stepId}${LARGE}${attempt}`, dueAtMs: null }, attempt === 1)
    },
  },
  due: [],
}

const runId = '00000000-0000-8000-8000-000000000000' as RunId

function record(name: string, attempt = 1): OutRecord {
  const message: BeamlineRecord = { kind: 'SlotReleased', runId, stepId: name as StepId, attempt, reason: 'finished' }
  return {
    topic: 'ingest',
    partition: 0,
    key: null,
    value: encodeRecord(message),
    headers: null,
    handled: false,
    message,
  }
}

interface Setup {
  readonly storage?: MemoryStorage
  readonly snapshot?: Snapshot | null
  /** Offsets of the records that rows are kept as places in, by key. */
  readonly sources?: ReadonlyMap<string, number>
  readonly onPhase?: (phase: TaskPhase) => void
}

/** A task on a log that says it keeps references, and what was committed. */
function setup({
  storage = createMemoryStorage(1),
  snapshot = null,
  sources = new Map(),
  onPhase = () => undefined,
}: Setup = {}) {
  const time = new VirtualTime(realEnvironment, 0, 1)
  const { environment } = time
  const written: ChangelogEntry[] = []
  const clocks: number[] = []
  let commits = 0
  const saved: string[][] = []
  const log = withTasks(openMemoryLog(storage, environment, {}), (task) =>
    wrapTask(task, {
      refers: true,
      async *changelog(from) {
        for await (const part of task.changelog(from)) yield { ...part, entries: part.entries.map(withSource) }
      },
      commit(request) {
        commits++
        for (const { key, value } of request.changelog) {
          if (key === '\0clock') clocks.push(TASK_META.type.fromBuffer(Buffer.from(value!).subarray(1)).nowMs)
        }
        written.push(...request.changelog.filter(({ key }) => key.charCodeAt(0) === ITEMS.id))
        return task.commit(request)
      },
    }),
  )
  const withSource = (entry: ChangelogEntry): ChangelogEntry => {
    const source = sources.get(entry.key.slice(1))
    return source === undefined ? entry : { ...entry, source }
  }
  const snapshots: SnapshotStore = {
    load: async () => snapshot,
    async save(_task, _log, { entries }) {
      saved.push([...entries].map(({ key }) => key.slice(1)).filter((key) => key !== 'clock'))
    },
    discard: async () => undefined,
  }
  const topology = { processors: [itemProcessor({}), ingest], admits: () => true }
  const observer: TaskObserver = { ...SILENT, phase: (_task, phase) => onPhase(phase) }
  const task = new Task({ taskId: 0, log, environment, topology, observer, options: { snapshots } })
  task.start()
  const runUntilMs = async (ms: number): Promise<void> => {
    let reached = false
    environment.after(ms - time.nowMs, () => {
      reached = true
    })
    while (!reached) {
      await time.settle()
      if (!(await time.runDue())) time.advance()
    }
    while (await time.runDue()) await time.settle()
  }
  /** What was written since the last call: key, whether it is a row, its source. */
  const taken = () =>
    written.splice(0).map(({ key, value, source }) => ({ key: key.slice(1), row: value !== null, source }))
  return { storage, log, task, runUntilMs, taken, saved, clocks, commits: () => commits }
}

const SILENT: TaskObserver = {
  phase: () => undefined,
  restored: () => undefined,
  restoreProgress: () => undefined,
  committed: () => undefined,
  counted: () => undefined,
  deadLettered: () => undefined,
  reopening: (_task, error) => {
    throw error
  },
}

describe('rows that the log keeps as references', () => {
  it('have a source when they are what a record brought, and are large', async () => {
    const { log, runUntilMs, taken } = setup()
    await runUntilMs(10)
    const appended = log.append([record('a'), record('b', 3), record('small', 4), record('a', 2), record('c')])
    await runUntilMs(500)
    await appended
    expect(taken()).toEqual([
      { key: 'a', row: false, source: undefined },
      { key: 'b', row: true, source: undefined },
      { key: 'small', row: true, source: undefined },
      { key: 'c', row: true, source: 4 },
    ])
  })

  it('are written in full after ten seconds, unless they have gone or changed', async () => {
    const { log, runUntilMs, taken } = setup()
    await runUntilMs(10)
    void log.append(['a', 'b', 'c'].map((name) => record(name)))
    await runUntilMs(1_000)
    expect(taken().map(({ source }) => source)).toEqual([0, 1, 2])
    void log.append([record('a', 2), record('b', 3)])
    await runUntilMs(9_000)
    taken()
    await runUntilMs(30_000)
    expect(taken()).toEqual([{ key: 'c', row: true, source: undefined }])
  })

  it('are written in full when the task is handed over, and then there is a snapshot', async () => {
    const { log, task, runUntilMs, taken, saved } = setup()
    await runUntilMs(10)
    void log.append([record('a'), record('b')])
    await runUntilMs(1_000)
    taken()
    const drained = task.drain()
    await runUntilMs(2_000)
    await drained
    expect(taken()).toEqual(['a', 'b'].map((key) => ({ key, row: true, source: undefined })))
    expect(saved).toEqual([['a', 'b']])
  })

  it('are written in full by several commits when there are many', async () => {
    const { commits, log, task, runUntilMs, taken, saved } = setup()
    await runUntilMs(10)
    void log.append(Array.from({ length: 1_300 }, (_, i) => record(`${i}`)))
    await runUntilMs(1_000)
    expect(taken()).toHaveLength(1_300)
    const before = commits()
    const drained = task.drain()
    await runUntilMs(2_000)
    await drained
    expect(commits() - before).toBe(3)
    const keys = taken()
    expect(keys.every(({ source }) => source === undefined)).toBe(true)
    expect(new Set(keys.map(({ key }) => key)).size).toBe(1_300)
    expect(saved.map((each) => each.length)).toEqual([1_300])
  })

  it('are written in full by a task that has decided nothing, at a time that does not go back', async () => {
    const first = setup()
    await first.runUntilMs(5_000)
    void first.log.append([record('a')])
    await first.runUntilMs(6_000)
    first.task.kill()
    const last = first.clocks.at(-1)!
    expect(last).toBeGreaterThanOrEqual(5_000)
    const onPhase = (phase: TaskPhase): void => {
      if (phase === 'running') void second.task.drain()
    }
    const second = setup({ storage: first.storage, sources: new Map([['a', 0]]), onPhase })
    await second.runUntilMs(100)
    await second.task.drain()
    expect(second.taken()).toEqual([{ key: 'a', row: true, source: undefined }])
    expect(second.clocks.at(-1)).toBeGreaterThanOrEqual(last)
  })

  it('are written in full soon after a restore, a few at a time', async () => {
    const first = setup()
    await first.runUntilMs(10)
    void first.log.append(Array.from({ length: 40 }, (_, i) => record(`${i}`)))
    await first.runUntilMs(1_000)
    first.task.kill()
    const sources = new Map(Array.from({ length: 40 }, (_, i) => [`${i}`, i]))
    const { task, runUntilMs, taken } = setup({ storage: first.storage, sources })
    await runUntilMs(1_000)
    expect(task.state!.references.size).toBe(0)
    const keys = taken()
    expect(keys.every(({ row, source }) => row && source === undefined)).toBe(true)
    expect(new Set(keys.map(({ key }) => key))).toEqual(new Set(sources.keys()))
    expect(keys).toHaveLength(40)
  })
})
