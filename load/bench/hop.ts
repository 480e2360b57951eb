/**
 * One hop of a task on Kafka, without an engine: a record is appended, the task polls it and commits one transaction that appends an event, changes a row and
 * moves the read position. Beside it, on the same broker, what a record costs that is only appended and read.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { realEnvironment } from '../../connectors/environment.ts'
import { openKafkaLog } from '../../connectors/log-kafka/kafka-log.ts'
import type { Topic } from '../../schemas/topics.ts'
import type { Log, LogReader, OutRecord, TaskLog } from '../../topology/log/port.ts'
import { percentiles, round } from '../measure/statistics.ts'
import { progress } from './child.ts'
import { newPlace, withKafka } from './place.ts'

const PARTITIONS = 4
const VALUE_BYTES = 300
const PAUSE_MS = 10

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string' } } })
  const hops = values.quick ? 200 : 1_000
  await withKafka(async (kafka) => {
    const { choice } = newPlace(kafka)
    const log = await openKafkaLog({ ...choice.options, partitions: PARTITIONS, environment: realEnvironment })
    try {
      const bare = await appendAndRead(log, hops)
      const hop = await measureHops(log, hops)
      const ratio = round(hop.from_append_ms.p50 / bare.p50)
      progress(`  append to commit: p50 ${hop.from_append_ms.p50}, p95 ${hop.from_append_ms.p95} ms`)
      progress(`  record in to commit: p50 ${hop.from_record_ms.p50}, p95 ${hop.from_record_ms.p95} ms`)
      progress(
        `  append and read alone: p50 ${bare.p50}, p95 ${bare.p95} ms; a hop from append to commit takes ${ratio} times that`,
      )
      console.log(
        JSON.stringify({ hops, value_bytes: VALUE_BYTES, pause_ms: PAUSE_MS, ...hop, append_and_read_ms: bare, ratio }),
      )
    } finally {
      await log.close()
    }
  })
}

async function measureHops(log: Log, hops: number) {
  const task = await log.openTask(0)
  const fromAppend: number[] = []
  const fromRecord: number[] = []
  for (let number = 0; number < hops + WARM_UP; number++) {
    await pause(PAUSE_MS)
    const began = performance.now()
    await log.append([record('ingest')])
    const offset = await nextOffset(task)
    const polled = performance.now()
    const changelog = [{ key: `\u0014row-${number % 100}`, value: randomBytes(VALUE_BYTES) }]
    await task.commit({ appends: [record('events')], changelog, offsets: new Map([['ingest', offset]]) })
    if (number < WARM_UP) continue
    fromAppend.push(performance.now() - began)
    fromRecord.push(performance.now() - polled)
  }
  await task.close()
  return { from_append_ms: percentiles(fromAppend), from_record_ms: percentiles(fromRecord) }
}

const WARM_UP = 200

/** Polls one record; answers the position after it. */
async function nextOffset(task: TaskLog): Promise<number> {
  for (;;) {
    const woken = new Promise<void>((resolve) => task.onRecords(resolve))
    const [found] = task.poll('ingest', 1)
    if (found !== undefined) return found.offset + 1
    await woken
  }
}

async function appendAndRead(log: Log, times: number): Promise<ReturnType<typeof percentiles>> {
  const reader = log.read('replies', 1, 'end')
  const samples: number[] = []
  for (let number = 0; number < times + WARM_UP; number++) {
    await pause(PAUSE_MS)
    const began = performance.now()
    await log.append([record('replies', 1)])
    await read(reader)
    if (number >= WARM_UP) samples.push(performance.now() - began)
  }
  reader.close()
  return percentiles(samples)
}

async function read(reader: LogReader): Promise<void> {
  while ((await reader.next(1)).length === 0);
}

function record(topic: Topic, partition = 0): OutRecord {
  const value = randomBytes(VALUE_BYTES)
  return { topic, partition, key: null, value, headers: null, handled: false, message: null }
}

await main()
