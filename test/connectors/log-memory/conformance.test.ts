import { realEnvironment } from '../../../connectors/environment.ts'
import type { CommitFault, MemoryFaults } from '../../../connectors/log-memory/faults.ts'
import { openMemoryLog } from '../../../connectors/log-memory/memory-log.ts'
import { startMemoryProcess } from '../../../connectors/log-memory/process.ts'
import { createMemoryStorage } from '../../../connectors/log-memory/storage.ts'
import type { Environment } from '../../../topology/environment.ts'
import type { Log } from '../../../topology/log/port.ts'
import { type LogHarness, PARTITIONS } from '../../conformance/log/harness.ts'
import { logConformance } from '../../conformance/log/log-conformance.ts'

/** An environment whose callbacks stop when its process dies. */
function mortal(): { environment: Environment; die: () => void } {
  let alive = true
  const guard = (callback: () => void) => () => (alive ? callback() : undefined)
  return {
    environment: {
      ...realEnvironment,
      after: (ms, callback) => realEnvironment.after(ms, guard(callback)),
      soon: (callback) => realEnvironment.soon(guard(callback)),
    },
    die: () => {
      alive = false
    },
  }
}

/** Writes take a timer on the log's side, so that they can be told from the rest and be held. */
function holdable(): { environment: Environment; hold: () => () => void; drop: () => void } {
  let held: (() => void)[] | null = null
  return {
    environment: {
      ...realEnvironment,
      after: (_ms, callback) => {
        if (held === null) realEnvironment.soon(callback)
        else held.push(callback)
        return () => undefined
      },
    },
    hold: () => {
      held = []
      return () => {
        const waiting = held ?? []
        held = null
        for (const callback of waiting) realEnvironment.soon(callback)
      }
    },
    drop: () => {
      held = null
    },
  }
}

const WRITES: ReadonlySet<string> = new Set(['commit', 'append', 'report'])

async function memoryHarness(messages: 'encoded' | 'frozen', eager: boolean): Promise<LogHarness> {
  const server = holdable()
  const storage = createMemoryStorage(PARTITIONS, {
    environment: server.environment,
    messages,
    foldAfterBatches: 8,
    eager,
  })
  const deaths = new Map<Log, () => void>()
  let next: CommitFault = 'none'
  const strike = (): CommitFault => {
    const fault = next
    next = 'none'
    return fault
  }
  const hooks: MemoryFaults = {
    latencyMs: (verb) => (WRITES.has(verb) ? 1 : 0),
    commit: strike,
    append: strike,
    report: strike,
  }
  return {
    async open() {
      const { environment, die } = mortal()
      if (eager) startMemoryProcess(storage, environment, hooks)
      const log = openMemoryLog(storage, environment, hooks)
      deaths.set(log, () => {
        die()
        storage.process?.die()
        log.evict()
      })
      return log
    },
    async crash(log) {
      server.drop()
      deaths.get(log)!()
    },
    async dispose() {},
    faults: {
      hold: server.hold,
      failNext(when) {
        next = when === 'before' ? 'lost' : 'applied_unknown'
      },
    },
  }
}

logConformance('memory, encoded messages', () => memoryHarness('encoded', false))
logConformance('memory, frozen messages', () => memoryHarness('frozen', false))
logConformance('memory, eager, encoded messages', () => memoryHarness('encoded', true))
logConformance('memory, eager, frozen messages', () => memoryHarness('frozen', true))
