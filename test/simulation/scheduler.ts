/**
 * Virtual time and the one scheduler everything in a simulation runs on. At each step it runs one callback, picked at random among those that are
 * due, and lets all microtasks finish; so the seed alone decides the history. A process is what crashes: its callbacks never run again.
 */
import type { Cancel, Environment } from '../../topology/environment.ts'
import type { Prng } from './prng.ts'

const EPOCH_MS = 1_750_000_000_000

interface Entry {
  dueMs: number
  readonly order: number
  readonly process: SimProcess
  readonly callback: () => void
  cancelled: boolean
}

export interface SimProcess {
  readonly name: string
  readonly environment: Environment
  alive: boolean
  /** Until this virtual time its callbacks wait, as in a process that is stopped. */
  frozenUntilMs: number
  /** Added to the wall clock. */
  clockOffsetMs: number
}

export class Scheduler {
  /** Virtual milliseconds since the start; never goes back. */
  nowMs = 0
  steps = 0
  readonly #random: Prng
  readonly #ready: Entry[] = []
  readonly #timers: Entry[] = []
  #order = 0
  #clockOffsetMs = 0

  constructor(random: Prng) {
    this.#random = random
  }

  process(name: string, random: Prng): SimProcess {
    const process: SimProcess = {
      name,
      alive: true,
      frozenUntilMs: 0,
      clockOffsetMs: 0,
      environment: {
        now: () => EPOCH_MS + Math.floor(this.nowMs) + this.#clockOffsetMs + process.clockOffsetMs,
        monotonic: () => this.nowMs,
        after: (ms, callback) => this.#after(process, ms, callback),
        soon: (callback) => void this.#after(process, 0, callback),
        randomU32: () => random.u32(),
      },
    }
    return process
  }

  /** Sets all wall clocks forwards or back. */
  jumpClock(byMs: number): void {
    this.#clockOffsetMs += byMs
  }

  /** Runs one callback. False when there is none left. */
  async step(): Promise<boolean> {
    const entry = this.#next()
    if (entry === null) return false
    this.steps += 1
    // time passes while there is work, too, so that timers fall between any two steps of it
    if (this.#random.chance(0.02)) this.nowMs += this.#random.int(30)
    entry.callback()
    // the host runs all microtasks before its next turn, however long their chains are
    await new Promise<void>((resolve) => setImmediate(resolve))
    return true
  }

  #after(process: SimProcess, ms: number, callback: () => void): Cancel {
    const wait = Math.max(ms, 0)
    if (!process.alive) return () => undefined
    const entry: Entry = { dueMs: this.nowMs + wait, order: this.#order++, process, callback, cancelled: false }
    if (wait === 0) this.#ready.push(entry)
    else pushTimer(this.#timers, entry)
    return () => {
      entry.cancelled = true
    }
  }

  #next(): Entry | null {
    for (;;) {
      this.#wake()
      if (this.#ready.length === 0) {
        const first = this.#timers[0]
        if (first === undefined) return null
        this.nowMs = Math.max(this.nowMs, first.dueMs)
        continue
      }
      const entry = takeAt(this.#ready, this.#random.int(this.#ready.length))
      if (entry.cancelled || !entry.process.alive) continue
      if (entry.process.frozenUntilMs > this.nowMs) {
        entry.dueMs = entry.process.frozenUntilMs
        pushTimer(this.#timers, entry)
        continue
      }
      return entry
    }
  }

  #wake(): void {
    while (this.#timers.length > 0 && this.#timers[0]!.dueMs <= this.nowMs) this.#ready.push(popTimer(this.#timers))
  }
}

function takeAt(entries: Entry[], index: number): Entry {
  const taken = entries[index]!
  const last = entries.pop()!
  if (index < entries.length) entries[index] = last
  return taken
}

const before = (a: Entry, b: Entry) => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order)

function pushTimer(heap: Entry[], entry: Entry): void {
  let at = heap.length
  heap.push(entry)
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (!before(entry, heap[parent]!)) break
    heap[at] = heap[parent]!
    at = parent
  }
  heap[at] = entry
}

function popTimer(heap: Entry[]): Entry {
  const first = heap[0]!
  const last = heap.pop()!
  const size = heap.length
  if (size === 0) return first
  let at = 0
  for (;;) {
    let child = at * 2 + 1
    if (child >= size) break
    if (child + 1 < size && before(heap[child + 1]!, heap[child]!)) child++
    if (!before(heap[child]!, last)) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = last
  return first
}
