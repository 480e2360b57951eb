import { describe, expect, it } from 'vitest'
import { committedBatches, readBatches } from '../../../connectors/kafka-client/fetcher-batch.ts'
import type { AbortedTransaction } from '../../../connectors/kafka-client/requests/fetch.ts'
import { fc } from '../../support/fast-check.ts'
import { dataBatch, markerBatch, recordOf } from './batches.ts'

type Step =
  | { readonly kind: 'write'; readonly producer: number; readonly records: number }
  | { readonly kind: 'end'; readonly producer: number; readonly type: 'abort' | 'commit' }
  | { readonly kind: 'plain'; readonly records: number }

const producer = fc.integer({ min: 1, max: 4 })
const records = fc.integer({ min: 1, max: 3 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('write' as const), producer, records }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('end' as const), producer, type: fc.constantFrom('abort', 'commit') }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('plain' as const), records }) },
)

interface History {
  readonly batches: readonly Buffer[]
  /** In the order of their ends, as a broker lists them. */
  readonly aborted: readonly (AbortedTransaction & { readonly lastOffset: number })[]
  readonly committed: readonly number[]
  readonly end: number
}

/** A partition's log; transactions that are open at the end are committed. */
function play(steps: readonly Step[]): History {
  const batches: Buffer[] = []
  const aborted: (AbortedTransaction & { lastOffset: number })[] = []
  const committed: number[] = []
  const open = new Map<number, { first: number; offsets: number[] }>()
  let next = 0
  const write = (count: number, producerId: number | null): readonly number[] => {
    const offsets = Array.from({ length: count }, (_, index) => next + index)
    batches.push(
      dataBatch(
        next,
        offsets.map((offset) => recordOf(`${offset}`)),
        producerId,
      ),
    )
    next += count
    return offsets
  }
  const end = (producerId: number, type: 'abort' | 'commit'): void => {
    const transaction = open.get(producerId)
    if (transaction === undefined) return
    open.delete(producerId)
    batches.push(markerBatch(next, producerId, type))
    if (type === 'commit') committed.push(...transaction.offsets)
    else aborted.push({ producerId, firstOffset: transaction.first, lastOffset: next })
    next++
  }
  for (const each of steps) {
    if (each.kind === 'plain') committed.push(...write(each.records, null))
    else if (each.kind === 'end') end(each.producer, each.type)
    else {
      const first = next
      const offsets = write(each.records, each.producer)
      const transaction = open.get(each.producer)
      if (transaction === undefined) open.set(each.producer, { first, offsets: [...offsets] })
      else transaction.offsets.push(...offsets)
    }
  }
  for (const producerId of [...open.keys()]) end(producerId, 'commit')
  return { batches, aborted, committed: committed.sort((left, right) => left - right), end: next }
}

/** What a fetch of batches `from` to `to` answers: the aborted transactions that overlap them. */
function fetched({ batches, aborted }: History, from: number, to: number) {
  const part = readBatches(Buffer.concat(batches.slice(from, to)))
  const first = part[0]?.baseOffset ?? 0
  const last = part.at(-1)?.lastOffset ?? -1
  return { part, overlapping: aborted.filter((each) => each.firstOffset <= last && each.lastOffset >= first) }
}

function offsetsOf(batches: ReturnType<typeof committedBatches>): number[] {
  return batches.flatMap((batch) => Array.from({ length: batch.count }, (_, index) => batch.baseOffset + index))
}

describe('committed batches', () => {
  it('are those of committed transactions and of no transaction, however producers interleave', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const history = play(steps)
        const { part, overlapping } = fetched(history, 0, history.batches.length)
        expect(offsetsOf(committedBatches(part, overlapping))).toEqual(history.committed)
      }),
      { numRuns: 500 },
    )
  })

  it('are the same when the log is fetched in pieces', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 7 }), (steps, size) => {
        const history = play(steps)
        const found: number[] = []
        for (let from = 0; from < history.batches.length; from += size) {
          const { part, overlapping } = fetched(history, from, from + size)
          found.push(...offsetsOf(committedBatches(part, overlapping)))
        }
        expect(found).toEqual(history.committed)
      }),
      { numRuns: 500 },
    )
  })

  it('take a key of zero bytes for no marker', () => {
    const key = Buffer.alloc(4)
    const batches = readBatches(
      Buffer.concat([
        dataBatch(0, [recordOf('aborted')], 1),
        dataBatch(1, [recordOf('looks like a marker', { key })], 1),
        dataBatch(2, [recordOf('aborted too')], 1),
        markerBatch(3, 1, 'abort'),
      ]),
    )
    expect(committedBatches(batches, [{ producerId: 1, firstOffset: 0 }])).toEqual([])
  })
})

describe('batches of a response', () => {
  const whole = dataBatch(7, [recordOf('a'), recordOf('b')], null)

  it('end before one that is cut off', () => {
    for (let cut = 0; cut < whole.length; cut++) {
      expect(readBatches(Buffer.concat([whole, whole.subarray(0, cut)]))).toHaveLength(1)
    }
  })

  it('are refused in an older format', () => {
    const old = Buffer.from(whole)
    old[16] = 1
    expect(() => readBatches(old)).toThrow('record format 1 instead of 2')
  })
})

describe('damage', () => {
  it('of any bit after the checksum is noticed', () => {
    const whole = dataBatch(7, [recordOf('one'), recordOf('two')], null)
    expect(readBatches(whole)).toHaveLength(1)
    const bit = fc.record({ at: fc.integer({ min: 17, max: whole.length - 1 }), bit: fc.integer({ min: 0, max: 7 }) })
    fc.assert(
      fc.property(bit, ({ at, bit }) => {
        const damaged = Buffer.from(whole)
        damaged[at] = damaged[at]! ^ (1 << bit)
        expect(() => readBatches(damaged)).toThrow(/the checksum of the batch does not fit its bytes/)
      }),
    )
  })
})
