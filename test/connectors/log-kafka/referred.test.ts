import { expect, it } from 'vitest'
import type { Feed, Fetcher } from '../../../connectors/kafka-client/contract.ts'
import { createSignal } from '../../../connectors/log-kafka/feeds.ts'
import { referTo } from '../../../connectors/log-kafka/references.ts'
import { resolved } from '../../../connectors/log-kafka/referred.ts'

const input = (of: number): Buffer => Buffer.from(`input ${String(of).padStart(4)} ${'x'.repeat(5_000)}`)
const recordOf = (of: number): Buffer => Buffer.from(`record of ${input(of)}.`)

/** `ingest` with the records `[0, end)`, of which nobody writes more. */
function ingestUpTo(end: number) {
  const add: Fetcher['add'] = ({ topic, partition }, offset) => {
    const feed = {
      topic,
      partition,
      position: offset,
      stableEnd: end,
      poll: () => {
        const count = Math.max(0, end - feed.position)
        const records = Array.from({ length: count }, (_, i) => {
          const at = feed.position + i
          return { offset: at, key: null, value: recordOf(at), headers: null, timestampMs: 0 }
        })
        feed.position += count
        return records
      },
      onRecords: () => undefined,
      close: () => undefined,
    }
    return feed as unknown as Feed
  }
  const place = { topic: 'beamline.ingest', partition: 0 }
  return { fetcher: { add } as unknown as Fetcher, place, end, signal: createSignal(), check: () => {} }
}

async function* changelog(offsets: readonly number[]) {
  const entries = offsets.map((of) => ({ key: `k${of}`, value: referTo(input(of), of, recordOf(of))! }))
  yield { entries, position: offsets.length }
}

async function restored(offsets: readonly number[], end: number) {
  const found: [string, string][] = []
  for await (const { entries } of resolved(changelog(offsets), ingestUpTo(end))) {
    for (const { key, value } of entries) found.push([key, Buffer.from(value!).toString()])
  }
  return found
}

it('reads what rows refer to', async () => {
  expect(await restored([3, 95, 99, 900], 1_000)).toEqual([3, 95, 99, 900].map((of) => [`k${of}`, `${input(of)}`]))
})

it.each([
  ['in the middle of what is referred to', [95, 99], 97, 99],
  ['just before it', [95, 99], 95, 99],
  ['with the records before the last one', [3, 900], 900, 900],
])('says that ingest was cut when it ends %s', async (_where, offsets, end, named) => {
  await expect(restored(offsets, end)).rejects.toMatchObject({
    code: 'OFFSET_OUT_OF_RANGE',
    message: expect.stringContaining(`record ${named} of beamline.ingest 0, which is not there`),
  })
})
