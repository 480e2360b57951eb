/** Calls bad inputs, some at once, with good ones beside them, and watches codes, latencies and memory. */
import { COMMON_ERRORS } from '../../../processors/execute/block.ts'
import { type Percentiles, percentiles } from '../../measure/statistics.ts'
import { contextOf } from '../block-context.ts'
import type { BadCase, GoodCase } from './cases.ts'
import type { Stage } from './stage.ts'

export interface PressureResult {
  readonly count: number
  readonly seconds: number
  /** How many ended with each code, by group. */
  readonly codes: { readonly [group: string]: { readonly [code: string]: number } }
  /** What ended otherwise than it should, a few of them. */
  readonly surprises: readonly string[]
  /** Resident memory of this process in MiB, its median over the first and the last quarter, and over each tenth. */
  readonly memoryMb: { readonly first: number; readonly last: number; readonly tenths: readonly number[] }
  /** What the process has really in use, before and after, in MiB; `null` where garbage cannot be collected on demand. */
  readonly liveMb: { readonly before: number; readonly after: number } | null
  /** Latency of the good steps, in milliseconds. */
  readonly good: { readonly [group: string]: Percentiles & { readonly count: number } }
}

const SURPRISES_MAX = 20
/** A pause after each good call, so that they are a steady trickle and no load of their own. */
const PAUSE_MS = 10

/** Every bad case in turn, `count` of them, `inFlight` at once. */
export async function underPressure(stage: Stage, count: number, inFlight: number): Promise<PressureResult> {
  const codes: { [group: string]: { [code: string]: number } } = {}
  const surprises: string[] = []
  const memory: number[] = []
  let next = 0
  const caller = async (): Promise<void> => {
    while (next < count) {
      const index = next++
      const one = stage.bad[index % stage.bad.length]!
      const found = await codeOf(stage, one, index)
      codes[one.group] ??= {}
      const group = codes[one.group]!
      group[found.code] = (group[found.code] ?? 0) + 1
      const isDeclared = declared(stage, one.type).has(found.code)
      if ((found.code !== one.code || !isDeclared) && surprises.length < SURPRISES_MAX)
        surprises.push(`${one.group} ${JSON.stringify(one.input).slice(0, 100)}: ${found.code} ${found.message}`)
      memory.push(process.memoryUsage.rss() / 2 ** 20)
    }
  }
  const before = liveMb()
  const beside = trickle(stage)
  const began = performance.now()
  await Promise.all(Array.from({ length: inFlight }, caller))
  const seconds = (performance.now() - began) / 1_000
  const good = await beside.end()
  const after = liveMb()
  const quarter = Math.ceil(memory.length / 4)
  const middle = (samples: readonly number[]): number => Math.round(percentiles(samples).p50)
  const tenth = (at: number): number => Math.floor((memory.length * at) / 10)
  const tenths = Array.from({ length: 10 }, (_, at) => middle(memory.slice(tenth(at), tenth(at + 1))))
  return {
    count,
    seconds: Math.round(seconds),
    codes,
    surprises,
    memoryMb: { first: middle(memory.slice(0, quarter)), last: middle(memory.slice(-quarter)), tenths },
    liveMb: before === null || after === null ? null : { before, after },
    good,
  }
}

function liveMb(): number | null {
  if (globalThis.gc === undefined) return null
  globalThis.gc()
  const { heapUsed, external } = process.memoryUsage()
  return Math.round((heapUsed + external) / 2 ** 20)
}

/** Good steps of every kind, one after the other, alone for some time. */
export async function withoutPressure(stage: Stage, ms: number): Promise<PressureResult['good']> {
  const good = trickle(stage)
  await pause(ms)
  return good.end()
}

interface Found {
  readonly code: string
  readonly message: string
}

async function codeOf({ set }: Stage, { type, input }: BadCase, index: number): Promise<Found> {
  const block = set.blocks.find((known) => known.type === type)!
  try {
    await block.run(contextOf(index, 'bad'), input)
    return { code: 'none', message: 'it succeeded' }
  } catch (error) {
    const { code = 'none', message } = error as { readonly code?: string; readonly message: string }
    return { code, message: message.slice(0, 200) }
  }
}

function declared({ set }: Stage, type: string): ReadonlySet<string> {
  const { errors } = set.blocks.find((known) => known.type === type)!
  return new Set([...errors, ...COMMON_ERRORS].map(({ code }) => code))
}

function trickle(stage: Stage): { end(): Promise<PressureResult['good']> } {
  let isOver = false
  const waits = stage.good.map(() => [] as number[])
  const one = async ({ type, input, group }: GoodCase, into: number[]): Promise<void> => {
    const block = stage.set.blocks.find((known) => known.type === type)!
    for (let call = 0; !isOver; call++) {
      const began = performance.now()
      await Promise.resolve(block.run(contextOf(call, 'good'), input)).catch((error: Error) => {
        throw new Error(`a good step of the group ${group} failed: ${error.message}`, { cause: error })
      })
      into.push(performance.now() - began)
      await pause(PAUSE_MS)
    }
  }
  const all = Promise.all(stage.good.map((good, index) => one(good, waits[index]!)))
  // told by `end`
  all.catch(() => undefined)
  return {
    end: async () => {
      isOver = true
      await all
      return Object.fromEntries(
        stage.good.map(({ group }, index) => [group, { count: waits[index]!.length, ...percentiles(waits[index]!) }]),
      )
    },
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
