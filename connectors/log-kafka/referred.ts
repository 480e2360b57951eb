/** Reads a changelog with references in it: what they refer to is looked up at the end, when it is known which of them are still in force. */
import { LogError } from '../../topology/log/port.ts'
import type { Fetcher, TopicPartition } from '../kafka-client/contract.ts'
import type { ChangelogPart } from './changelog.ts'
import { readError } from './errors.ts'
import { readUntil, type Signal } from './feeds.ts'
import { type Reference, referenceOf, resolveIn } from './references.ts'

/** Records between two of those that are wanted which are rather read than passed over by reading anew. */
const READ_THROUGH = 500

export interface IngestPlace {
  readonly fetcher: Fetcher
  readonly place: TopicPartition
  /** Where it ended when the task was opened: what state refers to lies before. */
  readonly end: number
  readonly signal: Signal
  /** Throws once nobody wants any more. */
  readonly check: () => void
}

interface Owed {
  readonly key: string
  readonly reference: Reference
}

/** @throws {LogError} `OFFSET_OUT_OF_RANGE` if what a row refers to is gone */
export async function* resolved(
  parts: AsyncIterable<ChangelogPart>,
  ingest: IngestPlace,
): AsyncGenerator<ChangelogPart> {
  const owed = new Map<string, Reference>()
  let end = 0
  for await (const { entries, position } of parts) {
    end = position
    const whole = entries.filter(({ key, value }) => {
      const reference = referenceOf(value)
      if (reference === null) owed.delete(key)
      else owed.set(key, reference)
      return reference === null
    })
    yield { entries: whole, position }
  }
  if (owed.size === 0) return
  const inOrder = [...owed].map(([key, reference]): Owed => ({ key, reference }))
  inOrder.sort((a, b) => a.reference.offset - b.reference.offset)
  try {
    for (const stretch of stretchesOf(inOrder)) yield* readStretch(stretch, ingest, end)
  } catch (error) {
    throw readError(error)
  }
}

function stretchesOf(inOrder: readonly Owed[]): Owed[][] {
  const stretches: Owed[][] = []
  let before = Number.NEGATIVE_INFINITY
  for (const one of inOrder) {
    const { offset } = one.reference
    if (offset - before > READ_THROUGH) stretches.push([one])
    else stretches.at(-1)!.push(one)
    before = offset
  }
  return stretches
}

async function* readStretch(
  stretch: Owed[],
  { fetcher, place, end, signal, check }: IngestPlace,
  position: number,
): AsyncGenerator<ChangelogPart> {
  const first = stretch[0]!.reference.offset
  const last = stretch.at(-1)!.reference.offset
  if (last >= end) throw gone(last, place)
  let next = 0
  for await (const records of readUntil(fetcher.add(place, first), last + 1, signal, check)) {
    const entries = []
    for (const { offset, value } of records) {
      while (stretch[next]?.reference.offset === offset) {
        const { key, reference } = stretch[next++]!
        entries.push({ key, value: resolveIn(reference, value), source: offset })
      }
    }
    if (entries.length > 0) yield { entries, position }
  }
  const missing = stretch[next]
  if (missing === undefined) return
  throw gone(missing.reference.offset, place)
}

function gone(offset: number, { topic, partition }: TopicPartition): LogError {
  const message = `the state refers to record ${offset} of ${topic} ${partition}, which is not there: records were deleted or cut`
  return new LogError('OFFSET_OUT_OF_RANGE', message)
}
