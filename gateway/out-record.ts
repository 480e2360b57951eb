import { encodeRecord } from '../schemas/codec/wire.ts'
import type { BeamlineRecord } from '../schemas/records/index.ts'
import type { Topic } from '../schemas/topics.ts'
import type { OutRecord, Position } from '../topology/log/port.ts'

/** A record as the gateway appends it. */
export function outRecord(topic: Topic, partition: number, key: string | null, message: BeamlineRecord): OutRecord {
  return { topic, partition, key, value: encodeRecord(message), headers: null, handled: false, message }
}

/** `ingest/2/117` */
export function positionText({ topic, partition, offset }: Position): string {
  return `${topic}/${partition}/${offset}`
}
