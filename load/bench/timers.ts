/** A million timers in one task's state: set, moved or cancelled, fired. The rows and decisions are real, there is no log. */
import { parseArgs } from 'node:util'
import { dueHandler, type Processor, type StoreDef } from '../../processors/turn.ts'
import { defineValue, long } from '../../schemas/define.ts'
import { Decider } from '../../topology/task/decider.ts'
import { TaskState } from '../../topology/task/state.ts'
import { TaskTurn } from '../../topology/task/task-turn.ts'
import { round } from '../measure/statistics.ts'
import { progress } from './child.ts'

interface Alarm {
  readonly dueAtMs: number
}

const ALARMS: StoreDef<Alarm> = {
  name: 'alarms',
  id: 250,
  type: defineValue('Alarm', { dueAtMs: long }),
  dueAt: (alarm) => alarm.dueAtMs,
}

const CLOCK_MS = 1_700_000_000_000
const DAY_MS = 86_400_000

function main(): void {
  const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string' } } })
  const timers = values.quick ? 100_000 : 1_000_000
  let fired = 0
  const processor: Processor = {
    topic: 'result',
    stores: [ALARMS],
    handlers: {},
    due: [
      dueHandler(ALARMS, (turn, key) => {
        fired++
        turn.delete(ALARMS, key)
      }),
    ],
  }
  const state = new TaskState([processor], 0, 4)
  const turn = new TaskTurn(state, 0, 4)
  const decider = new Decider([processor], state, turn, (_topic, _offset, failure) => {
    throw new Error(failure.message)
  })
  const keys = Array.from({ length: timers }, (_, index) => `run-${index}/step`)
  const scattered = (index: number): number => CLOCK_MS + ((index * 2_654_435_761) % DAY_MS)

  const perSecond = (count: number, what: () => void): number => {
    const began = performance.now()
    what()
    return Math.round((count / (performance.now() - began)) * 1000)
  }
  globalThis.gc?.()
  const before = process.memoryUsage.rss()
  const set = perSecond(timers, () => {
    for (let index = 0; index < timers; index++) {
      turn.put(ALARMS, keys[index]!, { dueAtMs: scattered(index) })
      state.keep()
    }
  })
  state.cut()
  globalThis.gc?.()
  const bytesPerTimer = round((process.memoryUsage.rss() - before) / timers)
  const moved = perSecond(timers / 2, () => {
    for (let index = 0; index < timers; index += 2) {
      turn.put(ALARMS, keys[index]!, { dueAtMs: scattered(index + 1) })
      state.keep()
    }
  })
  const fire = perSecond(timers, () => {
    for (let entry = state.due.first(); entry !== undefined; entry = state.due.first()) decider.decideDue(entry, 0)
  })
  if (fired !== timers) throw new Error(`${fired} timers fired; expected ${timers}`)
  progress(`  ${timers} timers: ${set} set/s, ${moved} moved/s, ${fire} fired/s, ${bytesPerTimer} bytes each`)
  console.log(
    JSON.stringify({ timers, set_per_s: set, moved_per_s: moved, fired_per_s: fire, bytes_per_timer: bytesPerTimer }),
  )
}

main()
